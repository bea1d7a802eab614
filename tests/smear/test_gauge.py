"""What one image shows of its microscope."""

from __future__ import annotations

import numpy as np

from edgewbc.smear.gauge import Gauge, _quantile
from edgewbc.synth.cells import draw_cell


def test_the_gauge_of_an_image() -> None:
    """One drawn cell is located, and the background is as bright as the brightest tenth of the image."""
    image = draw_cell("eosinophil", np.random.default_rng(0), size=200)
    gauge = Gauge.of(image)
    assert (gauge.height, gauge.width) == (200, 200)
    assert gauge.central is not None
    assert np.abs(gauge.background.astype(int) - np.percentile(image.reshape(-1, 3), 90, axis=0)).max() < 15


def test_quantile_is_numpys() -> None:
    """The quantile between two values is `np.percentile`'s to the last digit, for one value and for many."""
    random = np.random.default_rng(0)
    for size in (1, 2, 3, 20, 21, 400, 4096):
        for values in random.normal(0, 1, (20, size)).astype(np.float32):
            assert _quantile(values[None], 0.95) == float(np.percentile(values, 95))

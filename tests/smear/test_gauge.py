"""What one image shows of its microscope."""

from __future__ import annotations

import numpy as np

from edgewbc.smear.gauge import Gauge
from edgewbc.synth.cells import draw_cell


def test_the_gauge_of_an_image() -> None:
    """One drawn cell is located, and the background is as bright as the brightest tenth of the image."""
    image = draw_cell("eosinophil", np.random.default_rng(0), size=200)
    gauge = Gauge.of(image)
    assert (gauge.height, gauge.width) == (200, 200)
    assert gauge.central is not None
    assert np.abs(gauge.background.astype(int) - np.percentile(image.reshape(-1, 3), 90, axis=0)).max() < 15

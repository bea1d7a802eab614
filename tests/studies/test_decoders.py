"""bench.decoders: what other ways to decode a JPEG cost and change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import decoders
from bench.decoders import OURS, DecoderRow
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import Split
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import PixelSpec
from edgewbc.synth.cells import draw_cell
from edgewbc.utils import resources
from tests import labeled, tiny


def test_areas_are_averaged_between_pixels() -> None:
    """Each average has weights that add up to 1; spans that begin at pixels are OpenCV's."""
    weights = decoders.area_weights(2.5, 6.0, 4, 12)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights[0, :5], [0, 0, 1 / 3, 2 / 3, 0])
    image = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    across, down = decoders.area_weights(0, 12, 5, 12), decoders.area_weights(0, 12, 4, 12)
    expected = cv2.resize(image.astype(np.float64), (5, 4), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(down @ image @ across.T, expected, rtol=1e-6)


def test_every_decoder_gives_nearly_the_same_input() -> None:
    """The other libraries the same pixels; scaled ones the same crop, to a few gray levels on average."""
    spec = PixelSpec(crop="centre", size=250, height=80, width=80)
    cell = draw_cell("monocyte", np.random.default_rng(3), size=363)[:, :360]
    data = encode(cell, ".jpg")
    inputs = {name: decoders.prepared(each(data), (360, 363), spec) for name, each in decoders.decoders().items()}
    assert {image.shape for image in inputs.values()} == {(80, 80, 3)}
    for name, image in inputs.items():
        apart = np.abs(image.astype(int) - inputs[OURS])
        assert apart.mean() < (3 if "/" in name or "2" in name else 1), name
        if name in ("OpenCV", "Pillow"):
            assert apart.max() == 0, name


def test_command_writes_what_the_page_shows(tmp_path: Path) -> None:
    """Our own decoder changes nothing; bundles that locate cells, and other formats, are refused."""
    bundle = tiny.make_bundle(tmp_path / "b")
    made = labeled.make_manifest(tmp_path / "m", n=20, split=Split.VAL)
    with pytest.raises(UserError, match="not all images of the validation split are JPEGs"):
        decoders.measure(bundle, made, rounds=1, timed=1)
    entries = []
    for place, entry in enumerate(made.entries):
        data = encode(draw_cell(entry.label, np.random.default_rng(place), size=96), ".jpg")
        path = Path(entry.path).with_suffix(".jpg")
        (made.root / path).write_bytes(data)
        entries.append(replace(entry, path=path.as_posix(), sha256=hashlib.sha256(data).hexdigest()))
    (made.root / "manifest.csv").unlink()
    made = replace(made, entries=tuple(entries))
    made.write(made.root)
    arguments = [str(made.root), "--bundle", str(bundle.path), "--out", str(tmp_path / "out.json")]
    assert decoders.main([*arguments, "--rounds", "2", "--timed", "5", "--limit", "10"]) == 0
    values = json.loads((tmp_path / "out.json").read_text())
    rows = [DecoderRow(**each) for each in values["rows"]]
    assert [row.decoder for row in rows] == list(decoders.decoders())
    assert (rows[0].ratio, rows[0].prepared_ratio, rows[0].other_label, rows[0].largest) == (1, 1, 0, 0)
    assert all(row.ms > 0 and 0 <= row.other_label <= values["n"] == 10 for row in rows)
    text = decoders.section(values)
    assert all(f"| {name} |" in text for name in decoders.decoders())
    with pytest.raises(UserError, match="locates cells"):
        decoders.measure(Bundle.open(resources.folder("export/bundles") / "wbc5-travel"), made, rounds=1, timed=1)

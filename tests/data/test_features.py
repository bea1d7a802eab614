"""Tests of `edgewbc.data.features`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgewbc import runs
from edgewbc.data import features, images
from edgewbc.data.features import extract, network, training_overlap
from edgewbc.data.manifest import Manifest, Provenance
from edgewbc.errors import UserError
from edgewbc.lineage import Lineage
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from tests.labeled import make_manifest, make_run


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return make_manifest(tmp_path / "m", 6)


def of(manifest: Manifest, name: str) -> Manifest:
    return replace(manifest, provenance=Provenance(name))


@pytest.mark.parametrize(
    ("lineage", "name", "expected"),
    [
        ({}, "pbc", "unknown"),
        ({"manifest_sha256": "0", "source": "pbc"}, "bccd", "no"),
        ({"manifest_sha256": "0", "source": "pbc"}, "pbc", "yes"),
        ({"manifest_sha256": "0", "source": "bccd"}, "kaggle-bccd", "yes"),
        ({"manifest_sha256": "0", "source": "augmented"}, "bccd", "unknown"),
        ({"manifest_sha256": "0", "source": "folder"}, "folder", "unknown"),
        ({"manifest_sha256": "0", "source": "pbc"}, "folder", "no"),
        ({"manifest_sha256": "0", "source": "bccd"}, "augmented", "unknown"),
        ({"manifest_sha256": "0"}, "jtsc", "unknown"),
        ({"manifest_sha256": "0", "source": "pbc", "ancestors": [{"source": "jtsc"}]}, "jtsc", "yes"),
        ({"source": "pbc", "teachers": [{"lineage": {"source": "bccd"}}]}, "bccd", "yes"),
    ],
)
def test_lineage_tells_the_overlap(manifest: Manifest, lineage: dict[str, Any], name: str, expected: str) -> None:
    """By source at any depth: the same images give yes, images of unknown origin unknown, others no."""
    assert training_overlap(Lineage(lineage), of(manifest, name)).saw_labels == expected


def test_the_same_manifest_overlaps(manifest: Manifest) -> None:
    """The manifest's hash gives yes, in the run itself or in an ancestor."""
    for lineage in ({"manifest_sha256": manifest.sha256}, {"ancestors": [{"manifest_sha256": manifest.sha256}]}):
        assert training_overlap(Lineage(lineage), manifest).saw_labels == "yes"
    other = Lineage({"manifest_sha256": manifest.sha256[:-1], "source": "pbc"})
    assert training_overlap(other, of(manifest, "jtsc")).saw_labels == "no"


def test_preprocessing_for_imagenet_weights(manifest: Manifest) -> None:
    """PBC is cropped to its central square, boxes to a square, others not at all; options take precedence."""
    assert network("imagenet", of(manifest, "pbc")).spec.pixels.size == 250
    assert network("imagenet", of(manifest, "pbc"), center=90).spec.pixels.size == 90
    plain = network("imagenet", manifest)
    assert (plain.spec.pixels.crop, plain.spec.pixels.height, plain.run, plain.training.saw_labels) == (
        "whole",
        112,
        None,
        "no",
    )
    boxed = replace(manifest, entries=tuple(replace(e, box=(1, 2, 3, 4)) for e in manifest.entries))
    assert network("imagenet", boxed).spec.pixels.crop == "box"
    assert network("imagenet", boxed).spec.pixels.scale == 1.3
    assert network("imagenet", boxed, scale=2.0).spec.pixels.scale == 2.0


def test_preprocessing_for_a_run(manifest: Manifest, tmp_path: Path) -> None:
    """Size and crop of the run are kept for cells without a box; a folder that is not a run is refused."""
    spec = make_run(tmp_path / "run")
    found = network(tmp_path / "run", manifest)
    assert (found.name, found.spec) == ("run", spec)
    assert network(tmp_path / "run", manifest, center=16).spec.pixels.crop == "centre"
    boxed = replace(manifest, entries=tuple(replace(e, box=(1, 2, 3, 4)) for e in manifest.entries))
    assert network(tmp_path / "run", boxed).spec.pixels.crop == "box"
    with pytest.raises(UserError, match=r"nowhere: not a run folder .*or imagenet"):
        network(tmp_path / "nowhere", manifest)


def test_features_are_means_of_the_last_maps(manifest: Manifest, tmp_path: Path) -> None:
    """The features of three blocks are in order, the last is the head's input; the batch size makes no difference."""
    make_run(tmp_path / "run")
    runs.write_lineage(tmp_path / "run", "train", source="folder")
    found = network(tmp_path / "run", manifest)
    rows = extract(found, manifest, manifest.entries)
    assert (rows.shape, rows.dtype.name) == ((6, 24), "float32")
    net, spec = model.load(tmp_path / "run")
    seen = torch.from_numpy(next(images.batches(manifest, manifest.entries, spec.pixels)))
    deployed = Deployed(net, spec.pixels)
    with torch.inference_mode():
        block = net.features[: net.ends()[-3]](deployed.normalize(seen)).mean((2, 3)).numpy()
        last = deployed(seen)[1].numpy()
    scale = np.abs(last).max()
    np.testing.assert_allclose(rows[:, :8], block, atol=0.03 * np.abs(block).max())  # computed in bfloat16
    np.testing.assert_allclose(rows[:, 16:], last, atol=0.05 * scale)
    shown: list[tuple[str, int | None]] = []

    def progress(items: Iterable[Any], what: str, total: int | None) -> Iterable[Any]:
        shown.append((what, total))
        return items

    few = extract(found, manifest, manifest.entries[:3], batch=2, progress=progress)
    np.testing.assert_allclose(few, rows[:3], atol=0.03 * np.abs(rows).max())
    assert shown == [("cells", 2)]


def test_imagenet_weights_must_be_there(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing weights file is named."""
    monkeypatch.setenv("EDGEWBC_WEIGHTS", str(tmp_path / "none.safetensors"))
    with pytest.raises(UserError, match=r"none\.safetensors: no such file"):
        extract(network(features.IMAGENET, manifest), manifest, manifest.entries)

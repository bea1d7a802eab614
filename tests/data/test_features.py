"""Tests of `edgewbc.data.features`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgewbc import runs
from edgewbc.data import features, images
from edgewbc.data.features import extract, source, taught_by
from edgewbc.data.manifest import Manifest, Provenance
from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from tests.labelled import make_manifest, make_run


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return make_manifest(tmp_path / "m", 6)


def of(manifest: Manifest, name: str) -> Manifest:
    return replace(manifest, provenance=Provenance(name))


@pytest.mark.parametrize(
    ("lineage", "name", "answer"),
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
def test_a_lineage_tells_what_was_taught(manifest: Manifest, lineage: dict[str, Any], name: str, answer: str) -> None:
    """By source, at any depth: the same pictures are a yes, pictures of unknown origin are unknown, others a no."""
    assert taught_by(lineage, of(manifest, name)).answer == answer


def test_the_hash_of_the_manifest_is_a_yes(manifest: Manifest) -> None:
    """Whatever the source is called, in the run itself or in an ancestor."""
    for lineage in ({"manifest_sha256": manifest.sha256}, {"ancestors": [{"manifest_sha256": manifest.sha256}]}):
        assert taught_by(lineage, manifest).answer == "yes"
    assert taught_by({"manifest_sha256": manifest.sha256[:-1], "source": "pbc"}, of(manifest, "jtsc")).answer == "no"


def test_imagenet_looks_as_the_source_wants_it(manifest: Manifest) -> None:
    """PBC's central square, whole pictures of others, a square around boxes; options go before; nothing was taught."""
    assert source("imagenet", of(manifest, "pbc")).spec.pixels.size == 250
    assert source("imagenet", of(manifest, "pbc"), centre=90).spec.pixels.size == 90
    plain = source("imagenet", manifest)
    assert (plain.spec.pixels.crop, plain.spec.pixels.height, plain.run, plain.taught.answer) == (
        "whole",
        112,
        None,
        "no",
    )
    boxed = replace(manifest, entries=tuple(replace(e, box=(1, 2, 3, 4)) for e in manifest.entries))
    assert source("imagenet", boxed).spec.pixels.crop == "box"
    assert source("imagenet", boxed).spec.pixels.scale == 1.3
    assert source("imagenet", boxed, scale=2.0).spec.pixels.scale == 2.0


def test_a_run_looks_as_it_was_trained(manifest: Manifest, tmp_path: Path) -> None:
    """Its size and crop are kept where the cells have no box; its name is the folder's; a plain folder is no run."""
    spec = make_run(tmp_path / "run")
    found = source(tmp_path / "run", manifest)
    assert (found.name, found.spec) == ("run", spec)
    assert source(tmp_path / "run", manifest, centre=16).spec.pixels.crop == "centre"
    boxed = replace(manifest, entries=tuple(replace(e, box=(1, 2, 3, 4)) for e in manifest.entries))
    assert source(tmp_path / "run", boxed).spec.pixels.crop == "box"
    with pytest.raises(UserError, match=r"nowhere: no run folder .*or imagenet"):
        source(tmp_path / "nowhere", manifest)


def test_features_are_means_of_the_last_maps(manifest: Manifest, tmp_path: Path) -> None:
    """Of each of the last three blocks, in order; the last is the vector that the head gets; batches change nothing."""
    make_run(tmp_path / "run")
    runs.write_lineage(tmp_path / "run", "train", source="folder")
    found = source(tmp_path / "run", manifest)
    rows = extract(found, manifest, manifest.entries)
    assert (rows.shape, rows.dtype) == ((6, 24), np.float32)
    net, spec = model.load(tmp_path / "run")
    seen = torch.from_numpy(next(images.batches(manifest, manifest.entries, spec.pixels)))
    deployed = Deployed(net, spec.pixels)
    with torch.inference_mode():
        block = net.features[: net.ends()[-3]](deployed.normalise(seen)).mean((2, 3)).numpy()
        last = deployed(seen)[1].numpy()
    scale = np.abs(last).max()
    np.testing.assert_allclose(rows[:, :8], block, atol=0.03 * np.abs(block).max())  # computed in bfloat16
    np.testing.assert_allclose(rows[:, 16:], last, atol=0.05 * scale)
    shown: list[tuple[str, int]] = []

    def progress(items: Any, what: str, total: int) -> Any:
        shown.append((what, total))
        return items

    few = extract(found, manifest, manifest.entries[:3], batch=2, progress=progress)
    np.testing.assert_allclose(few, rows[:3], atol=0.03 * np.abs(rows).max())
    assert shown == [("cells", 2)]


def test_imagenet_weights_must_be_there(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of weights that is missing is named in one line."""
    monkeypatch.setenv("EDGEWBC_WEIGHTS", str(tmp_path / "none.safetensors"))
    with pytest.raises(UserError, match=r"none\.safetensors: no such file"):
        extract(source(features.IMAGENET, manifest), manifest, manifest.entries)

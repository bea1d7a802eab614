"""peerbench.catalog: the peers and their preparations."""

from __future__ import annotations

from pathlib import Path

import pytest
from peerbench.catalog import HOME, peers, variants

from edgewbc.errors import UserError
from tests import labeled
from tests.peers.conftest import make_peer


def test_shipped_peers() -> None:
    """There are five peers; those with an environment of their own pin their package."""
    found = {peer.name: peer for peer in peers()}
    assert sorted(found) == ["modelapi", "timm", "torch", "torchvision", "ultralytics"]
    own = {name for name, peer in found.items() if peer.requirements is not None}
    assert own == {"modelapi", "timm", "ultralytics"}
    for name in own:
        lines = (HOME / name / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert any(line.startswith(f"{found[name].package}==") for line in lines)
    assert found["ultralytics"].license == "AGPL-3.0"
    assert {row["precision"] for row in found["ultralytics"].rows.values()} == {"int8", "f32"}


def test_package_imports_no_peer() -> None:
    """Nothing in edgewbc imports ultralytics, timm or model_api."""
    for path in (HOME.parents[1] / "edgewbc").rglob("*.py"):
        words = path.read_text(encoding="utf-8").split()
        assert not {"ultralytics", "timm", "model_api", "anomalib"} & {
            word for before, word in zip(words, words[1:], strict=False) if before in ("import", "from")
        }, path


def test_preparations_per_size_network_or_bundle(home: Path, tmp_path: Path) -> None:
    """One per input size if it trains, one per run of a supported architecture, or one for the bundle."""
    make_peer(home / "nets", each="network", archs=["vgg16gap"])
    make_peer(home / "other", each="network", archs=["edgenet"])
    make_peer(home / "wrapper", each="bundle")
    labeled.make_run(tmp_path / "run")
    found = {peer.name: variants(peer, tmp_path / "bundle", [tmp_path / "run"], (64, 112)) for peer in peers(home)}
    assert [(v.name, v.model, v.imgsz, v.source) for v in found["fake"]] == [
        ("fake-64", "fake 64", 64, None),
        ("fake-112", "fake 112", 112, None),
    ]
    assert [(v.name, v.source) for v in found["nets"]] == [("nets-run", tmp_path / "run")]
    assert found["other"] == []
    assert [v.source for v in found["wrapper"]] == [tmp_path / "bundle"]


def test_unknown_peers_and_broken_descriptions_are_refused(home: Path) -> None:
    """The error is one line that names the peer or the file."""
    with pytest.raises(UserError, match="nobody: no such peer; the peers in .* are fake"):
        peers(home, ["nobody"])
    make_peer(home / "odd", each="moon")
    with pytest.raises(UserError, match="`each` is 'moon'"):
        peers(home)
    make_peer(home / "more", color="red")
    with pytest.raises(UserError, match=r"more.peer.json: is not a valid description of a peer"):
        peers(home, ["more"])

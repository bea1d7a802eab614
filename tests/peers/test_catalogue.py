"""peerbench.catalogue: which peers there are, and what each is prepared for."""

from __future__ import annotations

from pathlib import Path

import pytest
from peerbench.catalogue import HOME, peers, variants

from edgewbc.errors import UserError
from tests import labelled
from tests.peers.conftest import make_peer


def test_the_shipped_peers_are_those_that_are_promised() -> None:
    """Five peers; those that bring packages pin every one that decides a figure."""
    found = {peer.name: peer for peer in peers()}
    assert sorted(found) == ["modelapi", "timm", "torch", "torchvision", "ultralytics"]
    own = {name for name, peer in found.items() if peer.requirements is not None}
    assert own == {"modelapi", "timm", "ultralytics"}
    for name in own:
        lines = (HOME / name / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert any(line.startswith(f"{found[name].package}==") for line in lines)
    assert found["ultralytics"].licence == "AGPL-3.0"
    assert {row["precision"] for row in found["ultralytics"].rows.values()} == {"int8", "f32"}


def test_no_module_of_the_package_names_a_peer() -> None:
    """Peers stay outside: nothing in edgewbc imports ultralytics, timm or model_api."""
    for path in (HOME.parents[1] / "edgewbc").rglob("*.py"):
        words = path.read_text(encoding="utf-8").split()
        assert not {"ultralytics", "timm", "model_api", "anomalib"} & {
            word for before, word in zip(words, words[1:], strict=False) if before in ("import", "from")
        }, path


def test_one_preparation_a_size_a_network_or_a_bundle(home: Path, tmp_path: Path) -> None:
    """Sizes for what it trains, runs of its architectures only, and the bundle once."""
    make_peer(home / "nets", each="network", archs=["vgg16gap"])
    make_peer(home / "other", each="network", archs=["edgenet"])
    make_peer(home / "wrapper", each="bundle")
    labelled.make_run(tmp_path / "run")
    found = {peer.name: variants(peer, tmp_path / "bundle", [tmp_path / "run"], (64, 112)) for peer in peers(home)}
    assert [(v.name, v.model, v.imgsz, v.source) for v in found["fake"]] == [
        ("fake-64", "fake 64", 64, None),
        ("fake-112", "fake 112", 112, None),
    ]
    assert [(v.name, v.source) for v in found["nets"]] == [("nets-run", tmp_path / "run")]
    assert found["other"] == []
    assert [v.source for v in found["wrapper"]] == [tmp_path / "bundle"]


def test_unknown_peers_and_broken_descriptions_are_refused(home: Path) -> None:
    """One line that names the peer or the file."""
    with pytest.raises(UserError, match="nobody: no such peer; there are fake"):
        peers(home, ["nobody"])
    make_peer(home / "odd", each="moon")
    with pytest.raises(UserError, match="each 'moon'"):
        peers(home)
    make_peer(home / "more", colour="red")
    with pytest.raises(UserError, match=r"more.peer.json: not a peer's description"):
        peers(home, ["more"])

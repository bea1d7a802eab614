"""Tests of `edgewbc.train.checkpoint`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from edgewbc.errors import UserError
from edgewbc.nets.network import Network
from edgewbc.nets.vgg import VGG16GAP
from edgewbc.train import checkpoint
from edgewbc.train.checkpoint import TrainingState
from tests.train.test_history import result

OptimizerClass = Callable[..., torch.optim.Optimizer]


def trained(optimizer_class: OptimizerClass) -> tuple[Network, torch.optim.Optimizer]:
    """A small network after two training steps, and its optimizer."""
    torch.manual_seed(0)
    net = VGG16GAP(3, (4, "M", 4), (5,))
    optimizer = optimizer_class(net.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.randn(2, 3, 8, 8)).square().sum().backward()
        optimizer.step()
    return net, optimizer


@pytest.mark.parametrize("kind", [torch.optim.AdamW, partial(torch.optim.SGD, momentum=0.9)], ids=["adamw", "sgd"])
def test_round_trip_is_exact(tmp_path: Path, kind: OptimizerClass) -> None:
    """Weights, moments, the random state and the training state are restored bit for bit."""
    net, optimizer = trained(kind)
    best = {name: value + 1 for name, value in net.state_dict().items()}
    saved = TrainingState("hash", epoch=3, batch=2, loss=0.1, seen=16, seconds=4.5, lines=[result(3)])
    checkpoint.save(tmp_path, net, optimizer, best, saved)
    drawn = torch.randn(4)
    other, fresh = trained(kind)
    torch.randn(17)
    loaded_best, state = checkpoint.load(tmp_path, other, fresh)
    assert state == saved
    assert torch.equal(torch.randn(4), drawn)
    for name, value in net.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
        assert torch.equal(loaded_best[name], value + 1)
    loaded: dict[int, dict[str, Any]] = fresh.state_dict()["state"]
    for index, moments in optimizer.state_dict()["state"].items():
        for key, value in moments.items():
            assert torch.equal(torch.as_tensor(loaded[index][key]), torch.as_tensor(value))


def test_missing_or_damaged_checkpoint(tmp_path: Path) -> None:
    """A missing checkpoint and a truncated one are errors of one line."""
    net, optimizer = trained(torch.optim.AdamW)
    with pytest.raises(UserError, match="no checkpoint to resume from"):
        checkpoint.load(tmp_path, net, optimizer)
    checkpoint.save(tmp_path, net, optimizer, {}, TrainingState("hash"))
    file = tmp_path / checkpoint.NAME
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match="cannot be resumed"):
        checkpoint.load(tmp_path, net, optimizer)


def test_no_flipped_bit_is_resumed(tmp_path: Path) -> None:
    """A bit that is flipped anywhere in the file is refused, and the network keeps its weights."""
    net, optimizer = trained(torch.optim.AdamW)
    checkpoint.save(tmp_path, net, optimizer, net.state_dict(), TrainingState("hash", epoch=1, lines=[result(1)]))
    file = tmp_path / checkpoint.NAME
    whole = file.read_bytes()
    other, fresh = trained(torch.optim.AdamW)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    places = [8 * at + bit for at, bit in zip(range(0, len(whole), len(whole) // 150), [0, 3, 6] * 60, strict=False)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        file.write_bytes(damaged)
        if whole[place // 8] == ord(" "):  # the padding of the header, or text that is part of the state
            continue
        with pytest.raises(UserError, match=r"^[^\n]+cannot be resumed[^\n]+$"):
            checkpoint.load(tmp_path, other, fresh)
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
    assert len(places) > 140


def test_full_disk_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that cannot be written is one line; the one before it and no temporary file are left."""
    net, optimizer = trained(torch.optim.AdamW)
    checkpoint.save(tmp_path, net, optimizer, {}, TrainingState("hash", epoch=1))
    before = (tmp_path / checkpoint.NAME).read_bytes()

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(UserError, match=r"No space left on device .*: free some space and continue with --resume"):
        checkpoint.save(tmp_path, net, optimizer, {}, TrainingState("hash", epoch=2))
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]
    assert (tmp_path / checkpoint.NAME).read_bytes() == before

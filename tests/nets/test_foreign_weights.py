"""Tests of `edgewbc.nets.foreign_weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import foreign_weights, model
from edgewbc.nets.vgg import VGG16GAP

CHANNELS = (4, "M", 6, "M")


def net(seed: int) -> VGG16GAP:
    torch.manual_seed(seed)
    return VGG16GAP(3, CHANNELS, (5,), 0.0)


@pytest.mark.parametrize("shape", ["plain", "nested", "parallel"])
def test_state_dicts(tmp_path: Path, shape: str) -> None:
    """A state dict, also within a checkpoint or saved from several GPUs, fills the base."""
    source, target = net(1), net(2)
    values: dict[str, Any] = dict(source.state_dict())
    if shape == "parallel":
        values = {f"module.{name}": value for name, value in values.items()}
    torch.save({"epoch": 3, "state_dict": values} if shape == "nested" else values, tmp_path / "w.pth")
    model.load_base(target, tmp_path / "w.pth")
    for name, value in source.features.state_dict().items():
        assert torch.equal(target.features.state_dict()[name], value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A pickled network, a file of something else and a missing file are errors of one line; no code is run."""
    torch.save(net(1), tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"net.pth: not a state dict of tensors \(.*\): save net.state_dict"):
        foreign_weights.read(tmp_path / "net.pth")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="not a state dict of tensors"):
        foreign_weights.read(tmp_path / "list.pt")
    (tmp_path / "x.h5").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not the weights of Keras's VGG16"):
        foreign_weights.read(tmp_path / "x.h5")
    with pytest.raises(UserError, match="no such file"):
        foreign_weights.read(tmp_path / "gone.pth")


@pytest.mark.parametrize("old", [True, False])
def test_keras(tmp_path: Path, old: bool) -> None:
    """Kernels are turned to PyTorch's order of axes, and the first one from BGR to RGB."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    kernels: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    with h5py.File(tmp_path / "vgg16.h5", "w") as file:
        before = 3
        for block, count in enumerate((2, 2, 3, 3, 3), 1):
            for number in range(1, count + 1):
                layer = f"block{block}_conv{number}"
                kernel = rng.normal(size=(3, 3, before, 4)).astype(np.float32)
                names = (f"{layer}_W_1:0", f"{layer}_b_1:0") if old else (f"{layer}/kernel:0", f"{layer}/bias:0")
                group = file.create_group(layer)
                group[names[0]], group[names[1]] = kernel, np.full(4, number, dtype=np.float32)
                kernels[block, number] = kernel
                before = 4
        file.create_group("block1_pool")
    read = foreign_weights.read(tmp_path / "vgg16.h5")
    assert len(read) == 26
    image = torch.rand(1, 3, 8, 8)
    ours = torch.nn.functional.conv2d(image, read["features.0.weight"])
    bgr = image.numpy()[0, ::-1]
    theirs = np.einsum("hwio,ihw->o", kernels[1, 1], bgr[:, :3, :3])
    np.testing.assert_allclose(ours[0, :, 0, 0].numpy(), theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(read["features.28.weight"].numpy(), kernels[5, 3].transpose(3, 2, 0, 1))
    assert read["features.28.bias"].tolist() == [3.0] * 4

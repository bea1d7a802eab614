"""Tests of `edgewbc.nets.weights_kind`: weight files in formats other than safetensors."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.weights_kind import check_kind


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vgg16.pth", b"PK\x03\x04", "a PyTorch file, which can run code .*torch.load\\('.*vgg16.pth', weights_only"),
        ("renamed.safetensors", b"PK\x03\x04zip", "a PyTorch file"),
        ("old.safetensors", b"\x80\x02pickle", "a PyTorch file"),
        ("vgg16.h5", b"", "a Keras file, .*PyTorch's names .* as .*vgg16.safetensors"),
        ("renamed", b"\x89HDF\r\n\x1a\n", "a Keras file"),
        ("model.onnx", b"", "a graph for a runtime"),
        ("w.npz", b"", "a NumPy file"),
    ],
)
def test_other_formats_are_rejected_with_a_conversion(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The error names the format, detected by name or first bytes, and how to convert it to safetensors."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        model.read_tensors(file)
    assert str(caught.value).startswith(f"{file}: is a ")
    assert "\n" not in str(caught.value)


def test_the_suggested_conversion_works(tmp_path: Path) -> None:
    """The command in the message converts a PyTorch file without changes."""
    file = tmp_path / "w.pth"
    torch.save({"a": torch.ones(2)}, file)
    with pytest.raises(UserError) as caught:
        check_kind(file)
    command = str(caught.value).split('python -c "')[1].rstrip('"')
    subprocess.run([sys.executable, "-c", command], check=True)
    assert model.read_tensors(file.with_suffix(".safetensors"))["a"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["missing.safetensors", "folder"])
def test_what_is_not_a_file_is_left_to_the_reader(tmp_path: Path, name: str) -> None:
    """A missing file or a folder has no format to complain about; reading it says what is wrong."""
    (tmp_path / "folder").mkdir()
    check_kind(tmp_path / name)

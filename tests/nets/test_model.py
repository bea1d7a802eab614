"""Tests of edgewbc.nets.model."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgewbc.errors import UserError
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec

SPEC = ModelSpec("vgg16gap", ("a", "b", "c"), PixelSpec(32, 32), (4, "M", 8, "M"), (6,))


def test_save_and_load_preserve_logits(tmp_path: Path) -> None:
    """A loaded network returns exactly the logits of the saved one."""
    net = model.build(SPEC).eval()
    model.save(tmp_path, net, SPEC)
    loaded, spec = model.load(tmp_path)
    x = torch.randn(2, 3, 32, 32)
    assert spec == SPEC
    assert torch.equal(loaded(x), net(x))
    assert not loaded.training


def test_half_precision_files_load_as_float32(tmp_path: Path) -> None:
    """A float16 file loads as float32, with values rounded to float16."""
    net = model.build(SPEC)
    model.save(tmp_path, net, SPEC, torch.float16)
    loaded, _ = model.load(tmp_path)
    assert load_file(tmp_path / "model.safetensors")["head.0.weight"].dtype == torch.float16
    assert torch.equal(loaded.get_parameter("head.0.weight"), net.get_parameter("head.0.weight").half().float())


def test_mismatched_weights_name_both_files(tmp_path: Path) -> None:
    """A model.json that does not describe the weights is rejected with an error that names both files."""
    model.save(tmp_path, model.build(SPEC), SPEC)
    replace(SPEC, channels=(4, "M", 16, "M")).write(tmp_path / "model.json")
    with pytest.raises(UserError, match=r"model.safetensors: does not fit .*model.json") as caught:
        model.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04pickle"])
def test_files_that_are_not_safetensors(tmp_path: Path, content: bytes) -> None:
    """Damaged weights and pickles are rejected without being executed."""
    file = tmp_path / "w.safetensors"
    file.write_bytes(content)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        model.read_tensors(file)


def test_base_from_torchvision_names(tmp_path: Path) -> None:
    """The base is filled from keys with or without `features.`; the head is left alone."""
    net, other = model.build(SPEC), model.build(SPEC)
    head = net.get_parameter("head.0.weight").clone()
    save_file({f"features.{k}": v for k, v in other.features.state_dict().items()}, tmp_path / "w.safetensors")
    model.load_base(net, tmp_path / "w.safetensors")
    assert torch.equal(net.get_parameter("features.0.weight"), other.get_parameter("features.0.weight"))
    assert torch.equal(net.get_parameter("head.0.weight"), head)


def test_base_of_another_width_is_rejected(tmp_path: Path) -> None:
    """Weights of another width are rejected instead of being loaded partially."""
    wide = model.build(replace(SPEC, channels=(8, "M", 8, "M")))
    save_file(wide.features.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"no fitting weights for 0.weight"):
        model.load_base(model.build(SPEC), tmp_path / "w.safetensors")


def test_macs_of_vgg16_gap() -> None:
    """VGG16 at 224 x 224 has 15.35 billion multiply-adds, at 112 a quarter of them."""
    from edgewbc.nets.vgg import VGG16

    spec = ModelSpec("vgg16gap", ("a",) * 5, PixelSpec(224, 224), tuple(VGG16), (100, 100))
    assert model.macs(spec) == 15_346_630_656 + 512 * 100 + 100 * 100 + 100 * 5
    assert model.macs(replace(spec, pixels=PixelSpec(112, 112))) == pytest.approx(15_346_630_656 / 4, rel=1e-4)


def test_imagenet_weights_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If EDGEWBC_WEIGHTS names a file, the base is loaded from it and nothing is downloaded."""
    net, other = model.build(SPEC), model.build(SPEC)
    save_file(other.features.state_dict(), tmp_path / "w.safetensors")
    monkeypatch.setenv("EDGEWBC_WEIGHTS", str(tmp_path / "w.safetensors"))
    model.load_imagenet_base(net)
    assert torch.equal(net.get_parameter("features.0.weight"), other.get_parameter("features.0.weight"))


def test_imagenet_weights_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the download fails, the error names the alternatives."""
    import torch.hub

    def offline(*arguments: object, **options: object) -> None:
        raise OSError("no route")

    monkeypatch.delenv("EDGEWBC_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"no route.*--weights FILE.safetensors"):
        model.load_imagenet_base(model.build(SPEC))

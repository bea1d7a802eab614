"""edgewbc.bench.ir: the IR of a model and its multiply-adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bench.ir import count_macs, integer_share, read_any_ir, read_ir
from edgewbc.bench.plan import BenchModel, plan
from edgewbc.bundle.bundle import pack
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.predictor import Backend
from tests import labeled, tiny
from tests.bench.conftest import LAB


def test_ir_of_a_bundle_is_its_files(tmp_path: Path) -> None:
    """bf16 runs the f32 file; a zipped bundle gives the same bytes."""
    tiny.make_bundle(tmp_path / "b")
    pack(tmp_path / "b", tmp_path / "b.zip")
    folder = tmp_path / "b" / "openvino"
    for path in (tmp_path / "b", tmp_path / "b.zip"):
        model = plan(path, LAB)
        for precision, name in (("f32", "f32"), ("bf16", "f32"), ("int8", "int8")):
            found = read_ir(model, None, precision)
            assert found == ((folder / f"{name}.xml").read_bytes(), (folder / f"{name}.bin").read_bytes())
        assert read_any_ir(model, None) == read_ir(model, None, "f32")


def test_ir_of_a_run_is_converted_or_quantized(tmp_path: Path) -> None:
    """f32 is in the conversion folder and int8 in the run itself; None if it is in neither."""
    run, converted = tmp_path / "r", tmp_path / "c"
    for folder in (run / "openvino", converted):
        folder.mkdir(parents=True)
    for name in ("model.json", "model.safetensors"):
        (run / name).touch()
    model = BenchModel(run, "r", ("a",), PixelSpec(16, 16), (), ("openvino", "f32"))
    assert read_any_ir(model, converted) is None
    (run / "openvino" / "int8.xml").write_bytes(b"x")
    (run / "openvino" / "int8.bin").write_bytes(b"y")
    assert read_any_ir(model, converted) == (b"x", b"y")
    (converted / "f32.xml").write_bytes(b"1")
    (converted / "f32.bin").write_bytes(b"2")
    assert read_ir(model, converted, "bf16") == (b"1", b"2")
    assert read_ir(model, None, "f32") is None


def test_macs_of_a_tiny_network(tmp_path: Path) -> None:
    """A 3 x 3 convolution of 8 channels at 16 x 16 and a dense layer of 8 to 5, in f32 and in int8."""
    bundle = tiny.make_bundle(tmp_path / "b")
    for precision in ("f32", "int8"):
        xml, weights = (bundle.read(name) for name in bundle.model_files("openvino", precision))
        assert count_macs(xml, weights) == 16 * 16 * 8 * 27 + 8 * 5


def test_macs_of_a_converted_network_match_its_architecture(tmp_path: Path) -> None:
    """The graph of a VGG16-GAP has the multiply-adds that its channel counts give."""
    pytest.importorskip("torch")
    from edgewbc.evaluation.load import convert
    from edgewbc.nets.model import macs

    spec = labeled.make_run(tmp_path / "run")
    convert(tmp_path / "run", tmp_path, Backend.OPENVINO)
    assert count_macs((tmp_path / "f32.xml").read_bytes(), (tmp_path / "f32.bin").read_bytes()) == macs(spec)


def test_integer_share_is_read_back_from_the_compiled_model(tmp_path: Path) -> None:
    """The tiny network's convolution runs in int8 in its int8 file, and its dense layer in float; none in f32."""
    bundle = tiny.make_bundle(tmp_path / "b")
    shares = {}
    for precision in ("int8", "f32"):
        xml, weights = bundle.read_model("openvino", precision).contents
        shares[precision] = integer_share(xml, weights)
    assert shares["f32"] == 0.0
    assert shares["int8"] is not None
    assert 0.5 < shares["int8"] < 1

"""edgewbc.bench.ir: the IR behind a row."""

from __future__ import annotations

from pathlib import Path

from edgewbc.bench import ir
from edgewbc.bench.plan import Model, plan
from edgewbc.bundle.bundle import pack
from tests import tiny
from tests.bench.conftest import LAB


def test_ir_of_a_bundle_is_its_files(tmp_path: Path) -> None:
    """bf16 is computed from the f32 file; a zip gives the same bytes."""
    tiny.make_bundle(tmp_path / "b")
    pack(tmp_path / "b", tmp_path / "b.zip")
    folder = tmp_path / "b" / "openvino"
    for path in (tmp_path / "b", tmp_path / "b.zip"):
        model = plan(path, LAB)
        for precision, name in (("f32", "f32"), ("bf16", "f32"), ("int8", "int8")):
            found = ir.of(model, None, precision)
            assert found == ((folder / f"{name}.xml").read_bytes(), (folder / f"{name}.bin").read_bytes())
    assert ir.any_of(model, None) == ir.of(model, None, "f32")


def test_a_run_has_what_was_converted(tmp_path: Path) -> None:
    """f32 where the run was converted to, int8 in the run itself; None where there is neither."""
    run, converted = tmp_path / "r", tmp_path / "c"
    for folder in (run / "openvino", converted):
        folder.mkdir(parents=True)
    for name in ("model.json", "model.safetensors"):
        (run / name).touch()
    model = Model(run, "r", ("a",), None, (), ("openvino", "f32"))  # type: ignore[arg-type]
    assert ir.any_of(model, converted) is None
    (run / "openvino" / "int8.xml").write_bytes(b"x")
    (run / "openvino" / "int8.bin").write_bytes(b"y")
    assert ir.any_of(model, converted) == (b"x", b"y")
    (converted / "f32.xml").write_bytes(b"1")
    (converted / "f32.bin").write_bytes(b"2")
    assert ir.of(model, converted, "bf16") == (b"1", b"2")
    assert ir.of(model, None, "f32") is None

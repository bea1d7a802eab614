"""The wall between the halves: the lab side never imports what a microscope PC does not have."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import edgewbc
from tests.lab import samples
from tests.tiny import make_bundle

PACKAGE = Path(edgewbc.__file__).parent
FOREIGN = (
    "torch",
    "torchvision",
    "accelerate",
    "torch_pruning",
    "nncf",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "safetensors",
    "matplotlib",
    "scipy",
    "sklearn",
    "pandas",
    "yaml",
    "pydantic",
    "PIL",
    "imagehash",
    "jinja2",
)
ROOMS = ("lab", "cases", "images", "runtime", "bundle", "decision", "smear", "interop", "utils")
"""What a microscope PC runs, beside the modules at the top of the package."""
LAB = (
    "edgewbc.cells",
    "edgewbc.pixels",
    "edgewbc.metrics",
    "edgewbc.data.manifest",
    "edgewbc.cli.main",
    *(
        f"edgewbc.{room}.{file.stem}"
        for room in ROOMS
        for file in sorted((PACKAGE / room).glob("*.py"))
        if file.stem != "__init__"
    ),
)
MAY = {"numpy", "cv2", "openvino", "edgewbc"}
SCRIPT = """
import contextlib, importlib, io, sys
sys.path.insert(0, {top!r})
for name in {lab!r}:
    importlib.import_module(name)
from edgewbc.cli.main import main
for arguments in {commands!r}:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            main(arguments)
    except SystemExit as stop:
        assert stop.code in (None, 0), (arguments, stop.code)
found = sorted(name for name in {foreign!r} if name in sys.modules)
sys.exit(f"imported: {{found}}" if found else 0)
"""


def _run(commands: list[list[str]]) -> None:
    script = SCRIPT.format(top=str(PACKAGE.parent), lab=LAB, commands=commands, foreign=FOREIGN)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr


def test_the_lab_side_runs_without_the_training_side(tmp_path: Path) -> None:
    """Importing every module of the lab side, --help, classify, selftest and doctor load nothing of training."""
    made = make_bundle(tmp_path / "tiny")
    (tmp_path / "cell.png").write_bytes(samples.LOSSLESS["png"])
    (tmp_path / "gray.tif").write_bytes(samples.pages())
    (tmp_path / "bad.jpg").write_bytes(b"no")
    images = [str(tmp_path / name) for name in ("cell.png", "gray.tif", "bad.jpg")]
    model = ["--model", str(made.path)]
    _run(
        [
            ["--help"],
            *([name, "--help"] for name in ("data", "train", "eval", "quantize", "export", "bench", "classify")),
            ["classify", *model, *images, "--out", str(tmp_path / "rows.csv")],
            ["classify", *model, *images, "--json"],
            ["selftest", *model],
            ["doctor", *model, "--seconds", "0"],
        ]
    )
    assert (tmp_path / "rows.csv").read_text().count("\n") == 4


LIBRARIES = {"numpy", "cv2", "simplejpeg", "openvino", "onnxruntime", "edgewbc"}
"""The third-party modules that the lab side's code may name; onnxruntime only where it is installed."""


@pytest.mark.parametrize(
    "file", [file for room in ROOMS for file in sorted((PACKAGE / room).glob("*.py"))], ids=lambda file: file.name
)
def test_the_lab_side_names_no_other_library(file: Path) -> None:
    """No import in a room of the lab side, at the top or in a function, names another third-party library."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [str(node.module)]
        else:
            continue
        for name in names:
            assert name.split(".")[0] in LIBRARIES | set(sys.stdlib_module_names), name


def test_openvino_waits_until_it_is_needed() -> None:
    """Importing the command line and the lab's modules does not import OpenVINO: it takes its time."""
    script = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import edgewbc.cli.main, edgewbc.lab.classify"
    ran = subprocess.run(
        [sys.executable, "-c", script + "; sys.exit('openvino' in sys.modules)"], capture_output=True, timeout=120
    )
    assert ran.returncode == 0

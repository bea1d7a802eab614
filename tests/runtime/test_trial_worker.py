"""The subprocess that tries a model: what it reads, and what it reports."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from edgewbc.runtime.trial import TrialJob
from edgewbc.utils.subprocesses import MARKER
from tests.tiny import make_bundle

PROGRAM = "from edgewbc.runtime.trial_worker import main; main()"


def report(contents: tuple[bytes, ...], classes: int, size: tuple[int, int], backend: str = "openvino") -> str:
    """Run the worker on a model, and return what it says."""
    job = TrialJob(backend, "int8", [len(part) for part in contents], classes, size, 8 << 30, 60.0)
    given = b"".join((json.dumps(asdict(job)).encode(), b"\n", *contents))
    ran = subprocess.run([sys.executable, "-c", PROGRAM], input=given, capture_output=True, check=True)
    (line,) = [each for each in ran.stdout.decode().splitlines() if each.startswith(MARKER)]
    return str(json.loads(line.removeprefix(MARKER)))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """The files of a good model of five classes, 16 x 16 pixels."""
    bundle = make_bundle(Path(tmp_path_factory.mktemp("b")) / "tiny")
    assert (len(bundle.classes), bundle.pixels.height, bundle.pixels.width) == (5, 16, 16)
    return bundle.read_model("openvino", "int8").contents


def test_a_good_model_passes(contents: tuple[bytes, ...]) -> None:
    """Nothing is wrong: an empty text."""
    assert report(contents, 5, (16, 16)) == ""


def test_another_number_of_classes_is_reported(contents: tuple[bytes, ...]) -> None:
    """What the manifest says must be what the model has."""
    assert "has 5 classes and takes (16, 16) pixels, unlike its manifest.json" in report(contents, 2, (16, 16))
    assert "unlike its manifest.json" in report(contents, 5, (8, 8))


def test_an_error_is_one_line(contents: tuple[bytes, ...]) -> None:
    """A damaged model, and a runtime that has no trial."""
    found = report((contents[0], contents[1][:40]), 5, (16, 16))
    assert found
    assert "\n" not in found
    assert "there is no trial of torch" in report(contents, 5, (16, 16), "torch")

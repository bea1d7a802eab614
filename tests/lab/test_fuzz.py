"""A small part of what `python -m tests.fuzz` runs: mutated image files, in a subprocess that may crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from edgewbc.images.decode import decode
from tests import fuzz_images

ROOT = Path(__file__).parents[2]


def test_mutated_images_decode_or_are_refused() -> None:
    """600 mutated files of every kind: no crash, hang or memory growth, and only images and ImageErrors."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--cases", "600", "--seed", "11"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)["images"]
    assert found["cases"] == 600
    assert set(found["by_kind"]) == {"JPEG", "PNG", "BMP", "GIF", "TIFF", "WebP"}
    assert not found["crashes"] + found["hangs"] + found["escaped"]


def test_cases_are_the_same_each_time() -> None:
    """A case can be reproduced from its seed and number; the corpus itself decodes."""
    assert fuzz_images.case(3, 4) == fuzz_images.case(3, 4)
    assert len({fuzz_images.case(3, number)[2] for number in range(50)}) > 40
    assert all(decode(data).image.size for data in fuzz_images.corpus().values())


def test_a_crash_is_found_and_the_rest_still_run(tmp_path: Path) -> None:
    """A child that dies is counted as a crash of its case, and every other case is still run."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "if '--work' in sys.argv:\n"
        "    from tests import fuzz\n"
        "    def run(seed, number):\n"
        "        return os.abort() if (seed, number) == (5, 7) else ('PNG', 'refused')\n"
        "    fuzz.RUN['images'] = run\n"
        "    fuzz.main()\n"
        "    os._exit(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--cases", "20", "--seed", "5", "--out", str(tmp_path / "f.json")],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "f.json").read_text())["images"]
    assert found["crashes"] == [{"case": 7, "signal": 6}]
    assert found["by_kind"] == {"PNG": {"refused": 19}}

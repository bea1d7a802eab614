"""The release signs its bundles: `.github/sign-bundles.sh`, and the job of the workflow that runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgewbc.bundle import signature
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.signature import Trust
from tests.tiny import make_bundle

TOP = Path(__file__).resolve().parent.parent
SCRIPT = TOP / ".github" / "sign-bundles.sh"
TOOL = """#!/bin/sh
exec "{python}" -m edgewbc "$@"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one bundle, beside a folder with the command `edgewbc` and a key pair `lab.key`."""
    sign = pytest.importorskip("edgewbc.export.sign")
    pytest.importorskip("cryptography")
    make_bundle(tmp_path / "bundles" / "b")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/edgewbc").write_text(TOOL.format(python=sys.executable))
    (tmp_path / "bin/edgewbc").chmod(0o755)
    sign.new_key(tmp_path / "lab.key", "The owner")
    return tmp_path


def run(folder: Path, key: Path | None, public: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as the workflow does."""
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    variables = {"EDGEWBC_SIGNING_KEY": "" if key is None else key.read_text(), "PATH": path, "PYTHONPATH": str(TOP)}
    command = ["bash", str(SCRIPT), str(folder / "bundles"), str(public)]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is written for bash")
def test_bundles_are_signed_with_the_published_key(folder: Path) -> None:
    """Signed by the key whose public half is published; by another one, the release stops."""
    public = folder / "lab.key.pub"
    ran = run(folder, folder / "lab.key", public)
    assert ran.returncode == 0, ran.stderr
    verdict = signature.judge(Bundle.open(folder / "bundles/b"), signature.read_keys(public))
    assert verdict.trust == Trust.TRUSTED
    assert "The owner" in verdict.line
    other = pytest.importorskip("edgewbc.export.sign").new_key(folder / "other.key", "Someone")
    assert run(folder, folder / "lab.key", other).returncode == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is written for bash")
def test_without_a_key_nothing_is_signed_and_it_says_so(folder: Path) -> None:
    """A key or its public half alone is an error; neither is a warning."""
    ran = run(folder, None, folder / "none.pub")
    assert (ran.returncode, ran.stdout) == (
        0,
        "::warning::no signing key: the bundles of this release are not signed\n",
    )
    assert signature.read(Bundle.open(folder / "bundles/b")) is None
    ran = run(folder, None, folder / "lab.key.pub")
    assert ran.returncode == 1
    assert "the secret EDGEWBC_SIGNING_KEY is not set" in ran.stdout
    ran = run(folder, folder / "lab.key", folder / "none.pub")
    assert ran.returncode == 1
    assert "the public key is not published" in ran.stdout


def test_only_the_signing_job_sees_the_key() -> None:
    """The wheel is built from its bundles, and every secret stands in that job."""
    jobs: dict[str, Any] = yaml.safe_load((TOP / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    assert [name for name, job in jobs.items() if "secrets." in str(job)] == ["sign"]
    assert (jobs["build"]["needs"], jobs["sign"]["environment"]) == ("sign", "signing")
    steps = [str(step.get("run", "")) for step in jobs["sign"]["steps"]]
    assert ".github/sign-bundles.sh export/bundles export/bundles.pub" in steps


def test_what_the_documentation_says_is_so() -> None:
    """Until a public key is published, the bundles of the repository are unsigned, and the guide says so."""
    published, guide = (TOP / "export/bundles.pub").is_file(), TOP / "docs/guide-training.md"
    assert ("are not signed until" in guide.read_text(encoding="utf-8")) == (not published)
    for bundle in sorted((TOP / "export/bundles").iterdir()):
        assert signature.read(Bundle.open(bundle)) is None

"""peerbench.environment: an environment a peer, made once, or a reason. Nothing is installed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from peerbench import environment
from peerbench.catalogue import HOME, peers

from tests.peers.conftest import make_peer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would have been run; the second of an environment fails if the file `fails` says so."""
    commands: list[list[str]] = []

    def run(arguments: list[str], *, python: Path | None = None, timeout: float) -> subprocess.CompletedProcess[str]:
        command = [str(python or sys.executable), *arguments]
        commands.append(command)
        if "venv" in command:
            folder = Path(command[-1])
            folder.mkdir(parents=True)
            (folder / "file").write_bytes(b"x" * 2_000_000)
        broken = "pip" in command and "nothing==0" in Path(command[-1]).read_text()
        said = "ERROR: Could not find a version\nERROR: No matching distribution found for nothing==0\n"
        return subprocess.CompletedProcess(command, int(broken), "", said if broken else "")

    monkeypatch.setattr(environment.subprocesses, "run", run)
    return commands


def test_made_once_from_the_same_requirements(home: Path, tmp_path: Path, asked: list[list[str]]) -> None:
    """venv, then pip with the peer's file; a second time nothing; other requirements make it anew."""
    (home / "fake" / "requirements.txt").write_text("one==1\n")
    (peer,) = peers(home)
    made = environment.make(peer, tmp_path / "env")
    assert (made.error, made.mb) == (None, 2.0)
    assert [command[1:3] for command in asked] == [["-m", "venv"], ["-m", "pip"]]
    assert asked[1][-1] == str(home / "fake" / "requirements.txt")
    assert environment.make(peer, tmp_path / "env") == made
    assert len(asked) == 2
    (home / "fake" / "requirements.txt").write_text("one==2\n")
    environment.make(peer, tmp_path / "env")
    assert len(asked) == 4


def test_what_cannot_be_installed_says_why_and_is_tried_again(
    home: Path, tmp_path: Path, asked: list[list[str]]
) -> None:
    """The last line of pip; nothing is raised, and nothing is taken for made."""
    (home / "fake" / "requirements.txt").write_text("nothing==0\n")
    (peer,) = peers(home)
    for tries in (2, 4):
        made = environment.make(peer, tmp_path / "env")
        assert made.error is not None
        assert made.error.endswith("No matching distribution found for nothing==0")
        assert len(asked) == tries
    assert "Could not find" in (tmp_path / "env.log").read_text()


def test_without_requirements_it_runs_here(home: Path, tmp_path: Path) -> None:
    """This interpreter, and nothing is made."""
    (peer,) = peers(home)
    made = environment.make(peer, tmp_path / "env")
    assert (made.python, made.mb, made.error) == (Path(sys.executable), None, None)
    assert not (tmp_path / "env").exists()


def test_a_peer_is_told_to_stay_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads and statistics are off, settings go into its folder, and the path of this process is not its own."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    told = environment.variables(tmp_path, 3)
    assert (told["YOLO_OFFLINE"], told["YOLO_AUTOINSTALL"], told["HF_HUB_OFFLINE"]) == ("true", "false", "1")
    assert told["YOLO_CONFIG_DIR"] == str(tmp_path)
    assert told["OMP_NUM_THREADS"] == "3"
    assert "/somewhere" not in told["PYTHONPATH"]
    assert str(HOME / "lib/peerside") in told["PYTHONPATH"]


def test_size_counts_files(tmp_path: Path) -> None:
    """10^6 bytes, folders within folders too."""
    make_peer(tmp_path / "a" / "b")
    (tmp_path / "a" / "big").write_bytes(b"x" * 1_500_000)
    assert environment.size_mb(tmp_path) == 1.5

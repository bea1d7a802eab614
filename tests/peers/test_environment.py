"""peerbench.environment: the environment of a peer. Nothing is installed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from peerbench import environment
from peerbench.catalog import HOME, peers

from tests.peers.conftest import make_peer


@pytest.fixture
def commands_run(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the commands instead of running them; pip fails if the requirements contain `nothing==0`."""
    commands: list[list[str]] = []

    def run(arguments: list[str], *, python: Path | None = None, timeout: float) -> subprocess.CompletedProcess[str]:
        command = [str(python or sys.executable), *arguments]
        commands.append(command)
        if "venv" in command:
            folder = Path(command[-1])
            folder.mkdir(parents=True)
            (folder / "file").write_bytes(b"x" * 2_000_000)
        broken = "pip" in command and "nothing==0" in Path(command[-1]).read_text()
        output = "ERROR: Could not find a version\nERROR: No matching distribution found for nothing==0\n"
        return subprocess.CompletedProcess(command, int(broken), "", output if broken else "")

    monkeypatch.setattr("peerbench.environment.subprocesses.run", run)
    return commands


def test_environment_is_reused_for_the_same_requirements(
    home: Path, tmp_path: Path, commands_run: list[list[str]]
) -> None:
    """It runs venv and pip once; a second call runs nothing; other requirements create it anew."""
    (home / "fake" / "requirements.txt").write_text("one==1\n")
    (peer,) = peers(home)
    made = environment.make(peer, tmp_path / "env")
    assert (made.error, made.mb) == (None, 2.0)
    assert [command[1:3] for command in commands_run] == [["-m", "venv"], ["-m", "pip"]]
    assert commands_run[1][-1] == str(home / "fake" / "requirements.txt")
    assert environment.make(peer, tmp_path / "env") == made
    assert len(commands_run) == 2
    (home / "fake" / "requirements.txt").write_text("one==2\n")
    environment.make(peer, tmp_path / "env")
    assert len(commands_run) == 4


def test_failed_installation_has_a_reason_and_is_retried(
    home: Path, tmp_path: Path, commands_run: list[list[str]]
) -> None:
    """The reason is the last line of pip; nothing is raised, and the next call tries again."""
    (home / "fake" / "requirements.txt").write_text("nothing==0\n")
    (peer,) = peers(home)
    for tries in (2, 4):
        made = environment.make(peer, tmp_path / "env")
        assert made.error is not None
        assert made.error.endswith("No matching distribution found for nothing==0")
        assert len(commands_run) == tries
    assert "Could not find" in (tmp_path / "env.log").read_text()


def test_peer_without_requirements_uses_this_environment(home: Path, tmp_path: Path) -> None:
    """It uses this interpreter, and creates nothing."""
    (peer,) = peers(home)
    made = environment.make(peer, tmp_path / "env")
    assert (made.python, made.mb, made.error) == (Path(sys.executable), None, None)
    assert not (tmp_path / "env").exists()


def test_processes_of_peers_are_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads and telemetry are disabled, settings go into its folder, and PYTHONPATH is not inherited."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    found = environment.variables(tmp_path, 3)
    assert (found["YOLO_OFFLINE"], found["YOLO_AUTOINSTALL"], found["HF_HUB_OFFLINE"]) == ("true", "false", "1")
    assert found["YOLO_CONFIG_DIR"] == str(tmp_path)
    assert found["OMP_NUM_THREADS"] == "3"
    assert "/somewhere" not in found["PYTHONPATH"]
    assert str(HOME / "lib/peerside") in found["PYTHONPATH"]


def test_size_counts_files(tmp_path: Path) -> None:
    """10^6 bytes, folders within folders too."""
    make_peer(tmp_path / "a" / "b")
    (tmp_path / "a" / "big").write_bytes(b"x" * 1_500_000)
    assert environment.size_mb(tmp_path) == 1.5

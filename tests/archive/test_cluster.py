"""Ray on this PC: loopback only, nothing left behind, and nothing lost when the command is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path

import pytest

from bench.archive.processes import command, family
from edgewbc.archive import cluster as clusters
from edgewbc.archive.cluster import Cluster, ClusterOptions, check_address, connected
from edgewbc.archive.engine import RayEngine
from edgewbc.archive.watch import VITAL
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.engine import ThisProcess
from tests.lab.engine_runs import classified
from tests.tiny import encode, make_bundle, make_image

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
LISTEN = "0A"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def runs(process: int) -> bool:
    """Return whether a process has not ended yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def listening(processes: set[int]) -> Iterator[tuple[int, str]]:
    """Yield process and local address (hexadecimal) of each TCP socket on which one of the processes listens."""
    owners: dict[str, int] = {}
    for process in processes:
        with suppress(OSError):
            for handle in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    owners[os.readlink(handle)] = process  # noqa: PTH115 - socket:[12345] is no path
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            owner = owners.get(f"socket:[{fields[9]}]")
            if owner is not None and fields[3] == LISTEN:
                yield owner, fields[1].rpartition(":")[0]


@linux
def test_sockets_are_those_of_the_loopback_interface(cluster: Cluster) -> None:
    """Neither this process nor any that Ray started listens on an address that another PC can reach."""
    found = list(listening(family(os.getpid())))
    assert len({process for process, _ in found}) >= 3  # this process, the raylet and the GCS server at least
    assert {address for _, address in found} <= LOOPBACK


def test_usage_is_not_reported(cluster: Cluster) -> None:
    """The environment that Ray's processes inherit says so, and no token is put into the home folder."""
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


@contextmanager
def classifying(bundle: Bundle, top: Path, out: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the command on 600 cells; yield it when it has recorded some of them."""
    top.mkdir()
    for number in range(600):
        (top / f"{number:03d}.png").write_bytes(encode(make_image(number)))
    journal = out.with_name(f"{out.name}.journal-wal")
    line = [sys.executable, "-m", "edgewbc", "classify", "--model", str(bundle.path), str(top), "--out", str(out)]
    options = ["--engine", "ray", "--threads", "1", "--batch", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    started = subprocess.Popen([*line, *options], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        while started.poll() is None and not (journal.exists() and journal.stat().st_size > 100_000):
            time.sleep(0.01)
        yield started
    finally:
        started.kill()
        started.communicate()


@linux
def test_a_cluster_that_runs_already(cluster: Cluster, tmp_path: Path) -> None:
    """The command joins it by its address, says nothing of Ray's own, and gives the rows of this process."""
    import ray

    bundle, top, out = make_bundle(tmp_path / "tiny"), tmp_path / "cells", tmp_path / "ray.csv"
    top.mkdir()
    for number in range(5):
        (top / f"{number}.png").write_bytes(encode(make_image(number)))
    line = [sys.executable, "-m", "edgewbc", "classify", "--model", str(bundle.path), str(top), "--out", str(out)]
    kept = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")  # as those of the cluster are
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_") or name in kept}
    options = ["--engine", "ray", "--address", ray.get_runtime_context().gcs_address, "--threads", "1"]
    ran = subprocess.run([*line, *options], env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("class ")
    assert ran.stderr.startswith(f"rows: {out}\n"), ran.stderr
    assert out.read_bytes() == classified(bundle, tmp_path / "plain.csv", ThisProcess(), top)


def none_stays(children: set[int]) -> bool:
    """Return whether processes have ended, after some time: an agent of Ray looks for its parent now and then."""
    end = time.monotonic() + 180
    while time.monotonic() < end and any(map(runs, children)):
        time.sleep(0.1)
    return not any(map(runs, children))


def is_resumed(bundle: Bundle, top: Path, out: Path) -> None:
    """Assert that the next run adds what is missing."""
    found = classified(bundle, out, RayEngine(), top)
    assert found == classified(bundle, out.with_name("plain.csv"), ThisProcess(), top)
    assert found.count(b"\n") == 601


@linux
@pytest.mark.slow
def test_a_killed_command_is_resumed(cluster: Cluster, tmp_path: Path) -> None:
    """After kill -9 no process of Ray stays; the next run adds what is missing, and its folder is removed."""
    bundle, top, out = make_bundle(tmp_path / "tiny"), tmp_path / "cells", tmp_path / "ray.csv"
    with classifying(bundle, top, out) as started:
        children = family(started.pid)
        started.kill()
        assert started.wait() == -signal.SIGKILL
    assert not out.exists()
    assert len(children) > 5
    assert none_stays(children)
    is_resumed(bundle, top, out)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("kind", VITAL)
def test_a_command_whose_ray_is_killed_says_so(kind: str, cluster: Cluster, tmp_path: Path) -> None:
    """In one line and soon, where Ray itself would end the process after a minute without a word."""
    bundle, top, out = make_bundle(tmp_path / "tiny"), tmp_path / "cells", tmp_path / "ray.csv"
    with classifying(bundle, top, out) as started:
        children = family(started.pid) - {started.pid}
        (victim,) = (process for process in children if Path(command(process).split(" ")[0]).name == kind)
        os.kill(victim, signal.SIGKILL)
        _, said = started.communicate(timeout=50)
    assert started.returncode == 2
    assert "Traceback" not in said
    assert "WARNING" not in said
    line = f"edgewbc: --engine ray: Ray's process {kind} ended unexpectedly (killed, or out of memory): run the same "
    assert said.splitlines()[-1].startswith(line)
    assert none_stays(children)
    is_resumed(bundle, top, out)


def test_ray_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the package and the command that installs it."""
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    with (
        pytest.raises(UserError, match=r"--engine ray needs ray, which is not installed: pip install .*\[archive\]"),
        connected(ClusterOptions()),
    ):
        pass


def test_a_ray_that_ends_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its processes may be killed too; an error of a worker's own code keeps its stack trace."""
    errors = pytest.importorskip("ray.exceptions")
    pa = pytest.importorskip("pyarrow")

    class Dataset:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def map_batches(self, *_: object, **__: object) -> Dataset:
            return self

        def iter_batches(self, **_: object) -> Iterator[object]:
            yield pa.table({"n": [1]})
            raise self.error

    def found(error: Exception) -> list[object]:
        monkeypatch.setattr("ray.data.from_arrow", lambda _: Dataset(error))
        return list(Cluster(1, True, tmp_path).map(object, None, [pa.table({"n": [1]})]))

    with pytest.raises(UserError, match=r"Ray ended unexpectedly \(ActorDiedError\): run the same command again"):
        found(errors.ActorDiedError())
    with pytest.raises(errors.RayTaskError):
        found(errors.RayTaskError("f", "trace", ValueError("own")))


def test_a_ray_that_ends_before_it_has_any_work_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Handing tables to it waits for good then: somebody looks already."""
    pytest.importorskip("ray.data")
    pa = pytest.importorskip("pyarrow")
    freed = threading.Event()
    monkeypatch.setattr("ray.data.from_arrow", lambda _: freed.wait(60))
    begun = time.monotonic()
    try:
        with pytest.raises(UserError, match="Ray's process raylet ended unexpectedly .*: run the same command again"):
            list(Cluster(1, True, tmp_path, lambda: "Ray's process raylet").map(object, None, [pa.table({"n": [1]})]))
    finally:
        freed.set()
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("name", ["127.0.0.1", "[::1]", "localhost", "no-such-host.invalid", "\u0000"])
def test_an_address_without_a_cluster_is_one_line(name: str) -> None:
    """At once, before Ray is imported: it would try for minutes, and log to stderr."""
    begun = time.monotonic()
    with pytest.raises(UserError, match="no Ray cluster answers there.*ray start --head"):
        check_address(f"{name}:1")
    assert time.monotonic() - begun < clusters.REACHED + 5


@pytest.mark.parametrize("address", ["", "local"])
def test_a_cluster_that_would_be_started_is_refused(address: str) -> None:
    """Ray would start one that listens on the network and reports its usage."""
    with (
        pytest.raises(UserError, match="is no cluster: leave out --address"),
        connected(ClusterOptions(address=address)),
    ):
        pass


def test_an_address_of_ray_client_is_refused() -> None:
    """Ray Data does not work through it."""
    with pytest.raises(UserError, match=r"ray://10\.0\.0\.5:10001: .* name it as HOST:PORT, such as 10\.0\.0\.5:6379"):
        check_address("ray://10.0.0.5:10001")


def test_an_address_with_a_listener_is_left_to_ray() -> None:
    """So is what has no port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check_address(f"127.0.0.1:{listener.getsockname()[1]}")
    for address in (None, "auto", "host:port", ":1", "host:99999"):
        check_address(address)


def test_remarks_of_ray_stay_out_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    """Ray prints to stdout when a worker has ended; a person is told in one line."""
    remarks: list[str] = []
    with redirect_stdout(clusters._Remarks(remarks.append)):
        print("(raylet) A worker died or was killed while executing a task. Worker ID: 12", "and more", sep="\n")
        print("anything else")
    assert remarks == ["a worker ended unexpectedly (killed, or out of memory); its images are given to another one"]
    assert capsys.readouterr().out == ""


def test_names_of_sockets_stay_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long folder for temporary files is not used: Linux allows 107 characters for the name of a socket."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/var/folders/" + "x" * 60)
    assert len(str(clusters._short_folder())) < 40

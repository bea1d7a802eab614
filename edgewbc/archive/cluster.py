"""Start Ray quietly, on this PC alone or on a cluster that runs already, and map tables over a pool of workers.

A Ray that is started here listens on the loopback interface only, reports no usage, has no dashboard, and keeps its
files in a temporary folder that is removed at the end.
"""

from __future__ import annotations

import io
import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewbc.archive.watch import Presence, ray_ended, watched
from edgewbc.errors import UserError
from edgewbc.runtime import host
from edgewbc.utils import temporaries
from edgewbc.utils.environment import environment
from edgewbc.utils.http_server import LOOPBACK, is_loopback
from edgewbc.utils.optional import install_command, need

if TYPE_CHECKING:
    import pyarrow as pa

ARCHIVE = install_command("archive")

OBJECT_STORE = 256 << 20
"""Bytes of memory in which a Ray started here keeps names and rows on their way between processes."""

REACHED = 10.0
"""Seconds in which a cluster must accept a connection."""

_MAX_FOLDER = 40
"""Characters of the folder for Ray's files: the names of its sockets are 60 longer, and Linux allows 107 in all."""

_ALWAYS: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",  # an error is raised too; as a message, it has a stack trace
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # A thread that Ray leaves behind must not start another one, which would listen on the network.
    "RAY_ENABLE_AUTO_CONNECT": "0",
}
"""What any Ray finds in the environment of this process. It is set before Ray is imported, which reads it."""

_OWN: Mapping[str, str] = {
    **_ALWAYS,
    "RAY_enable_metrics_collection": "0",
    # The Ray that is to be a part of a cluster listens on the address of this PC. This one is not: Ray then takes the
    # loopback interface, as it does by default on Windows and macOS, which the name is from.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Other users of this PC reach the loopback interface too. Without a token, Ray would put one into the home folder.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}
"""What a Ray that is started here finds there."""


def check_installed() -> None:
    """Raise UserError if Ray is not installed; it is not imported yet."""
    for module in ("ray", "pyarrow"):
        if find_spec(module) is None:
            raise UserError(f"--engine ray needs {module}, which is not installed: {ARCHIVE}")


def check_address(address: str | None) -> None:
    """Raise UserError if an address is not that of a cluster, or nobody listens there.

    Ray would try for minutes and write its log to stderr meanwhile, and `local` would start one that others reach.
    """
    if address is None:
        return
    if address in ("", "local"):
        raise UserError(f"--address {address or repr(address)}: is no cluster: leave out --address to use this PC")
    if "://" in address:
        raise UserError(
            f"--address {address}: is not the address of a cluster's control process: name it as HOST:PORT, such as "
            "10.0.0.5:6379, and run the command on a machine of the cluster"
        )
    name, _, port = address.rpartition(":")
    if not name or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        return  # `auto`, and what Ray refuses at once
    names = [name.strip("[]")]
    if is_loopback(names[0]):
        names.append(socket.gethostname())  # where Ray looks instead
    for each in names:
        try:
            socket.create_connection((each, int(port)), REACHED).close()
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
        else:
            return
    raise _no_cluster(address, why)


def _no_cluster(address: str | None, why: str) -> UserError:
    return UserError(
        f"--address {address}: no Ray cluster answers there ({why}): start one with `ray start --head`, or leave out "
        "--address to use this PC"
    )


@dataclass(frozen=True)
class ClusterOptions:
    """Where the workers run.

    Attributes:
        address: of a Ray cluster that runs already, as `ray.init` takes it (`auto`, or host:port); None starts Ray on
            this PC and stops it at the end.
        workers: processes, with one core each; None takes all cores of this PC or of the cluster.
        object_store: memory for what is on its way between processes, in bytes; of a Ray that is started here.
    """

    address: str | None = None
    workers: int | None = None
    object_store: int = OBJECT_STORE


@dataclass(frozen=True)
class Cluster:
    """A connection to Ray.

    Attributes:
        workers: processes that may run at the same time.
        local: whether Ray was started here, and stops at the end.
        folder: on each machine, for what a worker wants to remember beyond its end; need not exist.
        ended: returns what of Ray has ended; empty if nothing has.
    """

    workers: int
    local: bool
    folder: Path
    ended: Callable[[], str] = lambda: ""

    def map(self, worker: type, argument: object, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Apply workers to tables; yield what they return, as soon as it is ready and in any order.

        A worker is an object of a class that is made with one argument and called with a table. If its process is
        killed, another one takes over its table.

        Args:
            worker: the class, at the top of a module.
            argument: for each worker; pickled.
            tables: each goes to one worker.

        Raises:
            UserError: Ray itself has ended, or a machine of the cluster is gone.
        """
        errors = need("ray.exceptions", "--engine ray", ARCHIVE)
        blocks = list(tables)
        if not blocks:
            return
        try:
            yield from watched(self._mapped(worker, argument, blocks), self.ended)
        except errors.RayTaskError:  # raised by the worker's own code
            raise
        except errors.RayError as error:
            what = self.ended()
            raise (ray_ended(what) if what else ray_ended("Ray", type(error).__name__)) from None

    def _mapped(self, worker: type, argument: object, blocks: list[pa.Table]) -> Iterator[pa.Table]:
        """Do what `map` does, and wait for good if Ray ends: already where the tables are handed to it."""
        data = need("ray.data", "--engine ray", ARCHIVE)
        data.DataContext.get_current().enable_progress_bars = False
        pool = data.ActorPoolStrategy(size=max(1, min(self.workers, len(blocks))))
        made = data.from_arrow(blocks).map_batches(
            worker, batch_size=None, batch_format="pyarrow", compute=pool, fn_constructor_args=(argument,), num_cpus=1
        )
        blocks.clear()
        yield from made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


class _Remarks(io.TextIOBase):
    """Stands in for stdout, which is for results, and on which Ray remarks that a worker has ended; says it shorter."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Say that a worker has ended, if that is what the text says."""
        if "A worker died" in text:
            self._say("a worker ended unexpectedly (killed, or out of memory); its images are given to another one")
        return len(text)


@contextmanager
def connected(options: ClusterOptions, say: Callable[[str], None] = lambda _: None) -> Iterator[Cluster]:
    """Connect to a cluster, or start Ray on this PC and stop it at the end of the block.

    Until then nothing that is printed reaches `sys.stdout`: Ray prints there.

    Args:
        options: where the workers run.
        say: takes remarks for a person, one line each.

    Raises:
        UserError: Ray is not installed, there is no cluster at the address, or Ray cannot be started.
    """
    check_address(options.address)
    with environment(_OWN if options.address is None else _ALWAYS):
        check_installed()
        ray = need("ray", "--engine ray", ARCHIVE)
        with redirect_stdout(_Remarks(say)):
            if ray.is_initialized():  # by the program that uses this as a library: it knows better
                yield Cluster(_workers(options, ray), False, _scratch(), Presence.of(ray).ended)
            elif options.address is not None:
                with _joined(ray, options) as cluster:
                    yield cluster
            else:
                with _started(ray, options) as cluster:
                    yield cluster


@contextmanager
def _joined(ray: Any, options: ClusterOptions) -> Iterator[Cluster]:
    try:
        with _silent():
            ray.init(address=options.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(options.address, _first_line(error)) from None
    try:
        yield Cluster(_workers(options, ray), False, _scratch(), Presence.of(ray).ended)
    finally:
        ray.shutdown()


@contextmanager
def _started(ray: Any, options: ClusterOptions) -> Iterator[Cluster]:
    workers = options.workers or host.cores()
    target = _short_folder() / "edgewbc-ray"
    temporaries.remove_leftovers(target)
    with temporaries.temporary_folder(target) as folder:
        own = folder / temporaries.INNER
        own.mkdir()
        try:
            with _silent():
                ray.init(
                    address="local",
                    num_cpus=workers,
                    num_gpus=0,
                    include_dashboard=False,
                    object_store_memory=options.object_store,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(own),
                )
        except Exception as error:  # Ray raises nothing more special
            raise UserError(
                f"--engine ray: Ray cannot be started: {_first_line(error)} Run the same command again when the PC is "
                "less busy, or leave out --engine ray"
            ) from None
        try:
            if ray.util.get_node_ip_address() != LOOPBACK:
                raise UserError(
                    "--engine ray: this version of Ray listens on the network: install another one "
                    f"({ARCHIVE}), or start a cluster yourself and name it with --address"
                )
            yield Cluster(workers, True, folder / "scratch", Presence.of(ray).ended)
        finally:
            ray.shutdown()


@contextmanager
def _silent() -> Iterator[None]:
    """Send stderr nowhere: Ray's libraries say there which level of messages was set, whichever it is."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _workers(options: ClusterOptions, ray: Any) -> int:
    return options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))


def _scratch() -> Path:
    """Return a folder that no other run has, on this machine or another of the cluster."""
    return Path(tempfile.gettempdir()) / f"edgewbc-ray-{secrets.token_hex(8)}"


def _short_folder() -> Path:
    """Return the folder for temporary files, or a shorter one where the names of sockets would be too long."""
    usual = Path(tempfile.gettempdir())
    short = Path("/tmp")  # noqa: S108
    return usual if len(str(usual)) <= _MAX_FOLDER or not short.is_dir() else short


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

"""Notice that Ray itself has ended, and say so.

Without its control process (the GCS server) or the process of this machine (the raylet) nothing is computed any more,
and Ray does not tell the program that waits: after a minute it ends that program's process, without a word. So results
are waited for in a thread, and meanwhile somebody looks whether Ray is still there.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any, TypeVar

from edgewbc.errors import UserError

T = TypeVar("T")

EVERY = 1.0
"""Seconds between two looks."""

VITAL = ("gcs_server", "raylet")
"""Ray's names of the processes without which nothing is computed."""

PATIENCE = 30.0
"""Seconds for which a cluster's control process may be silent: it may be restarted. Ray itself gives up after 60."""

GRACE = 10.0
"""Seconds for which the end of an unfinished run waits for the thread that waits for results."""

_CONNECT = 5.0


def ray_ended(what: str, why: str = "killed, or out of memory") -> UserError:
    """Return the error that a part of Ray has ended; what is recorded stays."""
    return UserError(f"--engine ray: {what} ended unexpectedly ({why}): run the same command again")


@dataclass(frozen=True)
class _Last:
    """What comes after the last item: the error that ended them, if one did."""

    error: BaseException | None


def watched(items: Iterable[T], ended: Callable[[], str], every: float = EVERY) -> Iterator[T]:
    """Yield items, which a thread of its own waits for, as long as Ray has not ended.

    Args:
        items: may block for good.
        ended: returns what of Ray has ended; empty if nothing has. Called by the thread that asks for the items.
        every: seconds between two calls of it.

    Raises:
        UserError: Ray has ended.
    """
    handed: queue.Queue[T | _Last] = queue.Queue(1)
    stop = Event()
    thread = Thread(target=_hand, args=(items, handed, stop), name="edgewbc-ray", daemon=True)
    thread.start()
    looked, left = monotonic(), False
    try:
        while True:
            try:
                item = handed.get(timeout=every)
            except queue.Empty:
                pass
            else:
                if not isinstance(item, _Last):
                    yield item
                elif item.error is None:
                    return
                else:
                    raise item.error
            if monotonic() - looked >= every:
                if what := ended():
                    left = True
                    raise ray_ended(what)
                looked = monotonic()
    finally:
        stop.set()
        if not left:
            thread.join(GRACE)


def _hand(items: Iterable[T], handed: queue.Queue[T | _Last], stop: Event) -> None:
    """Hand over items one by one, until nobody wants them any more."""

    def put(item: T | _Last) -> bool:
        while not stop.is_set():
            with suppress(queue.Full):
                handed.put(item, timeout=0.1)
                return True
        return False

    error: BaseException | None = None
    iterator = iter(items)
    try:
        for item in iterator:
            if not put(item):
                break
    except BaseException as found:  # raised again by the thread that waits
        error = found
    with suppress(Exception):  # of a Ray that has ended
        getattr(iterator, "close", lambda: None)()
    put(_Last(error))


@dataclass
class Presence:
    """Looks whether the Ray that a process is connected to is still there.

    Attributes:
        address: host and port of its control process.
        node: Ray's own record of the processes that it started for this one; None if it started none.
        patience: seconds for which the control process may be silent.
    """

    address: tuple[str, int]
    node: Any = None
    patience: float = PATIENCE
    _silent: float | None = field(default=None, init=False)

    @classmethod
    def of(cls, ray: Any) -> Presence:
        """Return that of Ray, which is connected."""
        host, _, port = str(ray.get_runtime_context().gcs_address).rpartition(":")
        node = getattr(ray._private.worker, "_global_node", None)
        return cls((host.strip("[]"), int(port)), node if getattr(node, "all_processes", None) else None)

    def ended(self) -> str:
        """Return what of Ray has ended; empty if nothing has."""
        if self.node is not None:
            return next((f"Ray's process {kind}" for kind, _ in self.node.dead_processes() if kind in VITAL), "")
        if self._answers():
            self._silent = None
        else:
            self._silent = self._silent or monotonic()
        over = self._silent is not None and monotonic() - self._silent >= self.patience
        return f"the Ray cluster at {self.address[0]}:{self.address[1]}" if over else ""

    def _answers(self) -> bool:
        try:
            socket.create_connection(self.address, _CONNECT).close()
        except OSError:
            return False
        return True

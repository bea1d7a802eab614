"""Ray that has ended is noticed, whether results still come or not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from edgewbc.archive.watch import Presence, watched
from edgewbc.errors import UserError

OFTEN = 0.02


def still_there() -> str:
    return ""


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "edgewbc-ray"]


def test_items_and_their_error_come_through() -> None:
    """In order, an error as it was raised, and without a thread that stays."""

    def items() -> Iterator[int | None]:
        yield from (1, None, 3)
        raise KeyError("own")

    assert list(watched([1, 2, 3], still_there, OFTEN)) == [1, 2, 3]
    found: list[int | None] = []
    with pytest.raises(KeyError, match="own"):
        found.extend(watched(items(), still_there, OFTEN))
    assert not threads()


def test_a_run_that_ends_early_ends_its_items() -> None:
    """The iterator is closed in its own thread."""
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    found = watched(items(), still_there, OFTEN)
    assert next(found) == 0
    found.close()  # type: ignore[attr-defined]
    assert closed.wait(10)
    assert not threads()


@pytest.mark.parametrize("silent", [True, False])
def test_the_end_of_ray_is_one_line(silent: bool) -> None:
    """Whether no result comes any more, or results of workers that are still there."""
    freed, begun = threading.Event(), time.monotonic()

    def items() -> Iterator[int]:
        yield 0
        while not freed.is_set():
            freed.wait(60 if silent else OFTEN)
            yield 1

    looks = iter(["", ""])
    try:
        with pytest.raises(UserError, match=r"^--engine ray: it ended unexpectedly .*run the same command again"):
            list(watched(items(), lambda: next(looks, "it"), OFTEN))
    finally:
        freed.set()
    assert time.monotonic() - begun < 20


def test_a_cluster_may_be_silent_for_a_while() -> None:
    """Its control process may be restarted; only one that stays away has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        present, hasty = Presence(address), Presence(address, patience=0.0)
        assert (present.ended(), hasty.ended()) == ("", "")
    assert present.ended() == ""
    assert hasty.ended() == f"the Ray cluster at 127.0.0.1:{address[1]}"
    with socket.create_server(address):
        assert hasty.ended() == ""


def test_processes_that_were_started_are_asked_for_themselves() -> None:
    """Those without which nothing goes on; a log monitor is not one of them."""

    class Node:
        dead: list[tuple[str, object]] = []

        def dead_processes(self) -> list[tuple[str, object]]:
            return self.dead

    present = Presence(("127.0.0.1", 1), Node())
    assert present.ended() == ""
    Node.dead = [("log_monitor", None)]
    assert present.ended() == ""
    Node.dead += [("raylet", None)]
    assert present.ended() == "Ray's process raylet"

"""A worker of `--engine processes`: `python -m edgewbc.lab.worker_process`, which reads names and answers with rows.

It reads pickled objects from stdin, a `WorkerTask` and then lists of names, and answers each on stdout: None once the
model is ready, then the readings of the images, or an error. It ends as soon as its stdin is closed, even in the middle
of its work, so that it never outlives the process that started it.
"""

from __future__ import annotations

import os
import pickle  # noqa: S403 - only between a process and the one that it started
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from edgewbc._startup import collect_rarely
from edgewbc.errors import StalledError, UserError
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.lab.worker_task import WorkerBugError, WorkerTask, readings

CHUNK = 1 << 16
"""Bytes that are read from stdin at once at most."""


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end, or nobody reads the answers."""
    with suppress(OSError):
        for answer in _answers(questions):
            pickle.dump(answer, answers)
            answers.flush()


def _answers(questions: BinaryIO) -> Iterator[object]:
    try:
        task: WorkerTask = pickle.load(questions)  # noqa: S301
        with end_if_frozen():
            model = task.load()
            yield None
            while True:
                names: list[str] = pickle.load(questions)  # noqa: S301
                yield readings(model, names, model.results(map(Path, names), task.batch))
    except EOFError:
        return
    except (UserError, StalledError) as error:
        yield error
    except Exception:
        yield WorkerBugError(traceback.format_exc())


def until_closed(given: BinaryIO) -> BinaryIO:
    """Return a stream of what `given` holds; once `given` is closed, this process ends, whatever it is doing."""
    end, begin = os.pipe()

    def copy() -> None:
        while data := os.read(given.fileno(), CHUNK):
            passed.write(data)
            passed.flush()
        os._exit(0)

    passed = os.fdopen(begin, "wb")
    threading.Thread(target=copy, name="edgewbc-questions", daemon=True).start()
    return os.fdopen(end, "rb")


def main() -> None:
    """Serve the process that started this one."""
    collect_rarely()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what a library prints is no answer
    serve(until_closed(sys.stdin.buffer), answers)
    os._exit(0)  # a thread that is stuck must not keep it alive


if __name__ == "__main__":
    main()

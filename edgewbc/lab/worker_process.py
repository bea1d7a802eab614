"""A worker of `--engine processes`: `python -m edgewbc.lab.worker_process`, which reads names and answers with rows.

It reads pickled objects from stdin, a `WorkerTask` and then lists of names, and answers each on stdout: None once the
model is ready, then the readings of the images, or an error. It ends with its stdin, so that it never outlives the
process that started it.
"""

from __future__ import annotations

import os
import pickle  # noqa: S403 - only between a process and the one that it started
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from edgewbc._startup import collect_rarely
from edgewbc.errors import StalledError, UserError
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Reading
from edgewbc.lab.watchdog import end_if_frozen
from edgewbc.lab.worker_task import WorkerBugError, WorkerTask, readings


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the questions end."""

    def answer(value: object) -> None:
        pickle.dump(value, answers)
        answers.flush()

    try:
        task: WorkerTask = pickle.load(questions)  # noqa: S301
        with end_if_frozen():
            model = task.load()
            answer(None)
            while True:
                names = pickle.load(questions)  # noqa: S301
                answer(_classified(model, names, task.batch))
    except (EOFError, BrokenPipeError):
        return
    except (UserError, StalledError) as error:
        answer(error)
    except Exception:
        answer(WorkerBugError(traceback.format_exc()))


def _classified(model: LoadedBundle, names: Sequence[str], batch: int) -> list[Reading]:
    return readings(model, names, model.results(map(Path, names), batch))


def main() -> None:
    """Serve the process that started this one."""
    collect_rarely()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what a library prints is no answer
    serve(sys.stdin.buffer, answers)
    os._exit(0)  # a thread that is stuck must not keep it alive


if __name__ == "__main__":
    main()

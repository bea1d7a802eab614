"""Workers that misbehave: their processes end while they have a part."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from edgewbc.archive.worker import Worker
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Reading


class Fragile(Worker):
    """Ends its process at a file whose name begins with `poison`; with `once`, only at the first time."""

    def _rows(self, model: LoadedBundle, names: Sequence[str]) -> list[Reading]:
        for name in names:
            path = Path(name)
            if path.name.startswith("poison"):
                _end()
            if path.name.startswith("once") and not (been := path.with_suffix(".been")).exists():
                been.touch()
                _end()
        return super()._rows(model, names)


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

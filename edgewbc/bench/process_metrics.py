"""Startup time and peak memory of `edgewbc` commands, each measured in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess  # noqa: S404
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from edgewbc.errors import UserError
from edgewbc.utils import subprocesses

TIMEOUT = 7200
"""Seconds after which a command is stopped."""

MAX_LINKS = 20_000
"""Largest number of hard links to a file: file systems have a limit (65,000 on ext4)."""

COMMAND = "from edgewbc.__main__ import main; main()"
"""Python code that runs a command of edgewbc with the process's arguments."""
_MEMORY = """
from edgewbc.__main__ import main
try:
    main()
finally:
    from edgewbc.bench.resource_use import peak_memory
    from edgewbc.utils.subprocesses import write_result
    write_result(peak_memory())
"""


@dataclass(frozen=True)
class StartupTime:
    """Seconds from the start to the end of a short command.

    Attributes:
        median: of the runs.
        runs: seconds of each run, in order.
    """

    median: float
    runs: tuple[float, ...]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> StartupTime:
        """Summarize the runs, rounded to 0.1 ms."""
        return cls(round(median(seconds), 4), tuple(round(value, 4) for value in seconds))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"median": self.median, "runs": list(self.runs)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> StartupTime:
        """Read JSON values."""
        return cls(values["median"], tuple(values["runs"]))


@dataclass(frozen=True)
class MemoryUse:
    """Memory and duration of `classify` on a folder of images.

    Attributes:
        images: number of images (`pictures` in JSON).
        peak_mb: peak resident memory in 10^6 bytes; None where the system does not report it.
        seconds: duration of the whole command.
        images_per_s: images over seconds.
    """

    images: int
    peak_mb: float | None
    seconds: float
    images_per_s: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        values = asdict(self)
        return {"pictures": values.pop("images"), **values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> MemoryUse:
        """Read JSON values."""
        return cls(values["pictures"], values["peak_mb"], values["seconds"], values["images_per_s"])


def help_time(runs: int = 5) -> StartupTime:
    """Time `edgewbc --help`, from the start to the end of the process. One more run comes first and is not counted."""
    with _as_installed() as environment:
        return StartupTime.of([_time(["--help"], environment) for _ in range(runs + 1)][1:])


def cold_start(bundle: Path, image: Path, threads: int | None = None, runs: int = 5) -> StartupTime:
    """Time `edgewbc classify` on one image, from the start to the end of the process.

    The label is written before the process ends, so this is an upper bound of the time to the label. One more run comes
    first and is not counted: it may have to read the program from a cold disk, and compiles it.

    Raises:
        UserError: the command fails.
    """
    seconds = []
    with _as_installed() as environment:
        for _ in range(runs + 1):
            with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as folder:  # a new one: nothing to resume
                copy = Path(folder) / image.name
                shutil.copyfile(image, copy)
                command = ["classify", *_options(bundle, threads), str(copy), "--out", f"{folder}/rows.csv"]
                seconds.append(_time(command, environment))
    return StartupTime.of(seconds[1:])


def memory(bundle: Path, images: Sequence[Path], count: int, threads: int | None = None) -> MemoryUse:
    """Measure the peak memory of `edgewbc classify --out`, journal included, on a folder of `count` images.

    The folder repeats the images under new names (hard links, or copies where links are not possible).

    Raises:
        UserError: the command fails.
        RuntimeError: the number of rows in its result is not `count`.
    """
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-", dir=images[0].parent) as folder:
        cells = Path(folder) / "cells"
        cells.mkdir()
        for index in range(count):
            image = images[index % len(images)]
            copy = cells / f"{index:07d}{image.suffix}"
            try:
                if index >= MAX_LINKS * len(images):
                    raise OSError("too many links")
                os.link(image, copy)
            except OSError:
                shutil.copyfile(image, copy)
        start = time.perf_counter()
        command = ["classify", *_options(bundle, threads), str(cells), "--out", f"{folder}/rows.csv"]
        peak = _run(_MEMORY, command)
        seconds = time.perf_counter() - start
        with Path(folder, "rows.csv").open("rb") as file:
            rows = sum(1 for _ in file) - 1
    if rows != count:
        raise RuntimeError(f"classify wrote {rows} rows for {count} images")
    return MemoryUse(
        images=count,
        peak_mb=None if peak is None else round(peak / 1e6, 1),
        seconds=round(seconds, 2),
        images_per_s=round(count / seconds, 1),
    )


def _options(bundle: Path, threads: int | None) -> list[str]:
    return ["--model", str(bundle), *([] if threads is None else ["--threads", str(threads)])]


@contextmanager
def _as_installed() -> Iterator[Mapping[str, str]]:
    """Provide environment variables with which Python keeps compiled modules, in a temporary folder.

    pip compiles what it installs. Where Python may not keep them (PYTHONDONTWRITEBYTECODE), a checkout would be
    compiled at every start: a third of the time of `--help`.
    """
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield {**kept, "PYTHONPYCACHEPREFIX": folder}


def _time(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    start = time.perf_counter()
    _run(COMMAND, arguments, environment)
    return time.perf_counter() - start


def _run(script: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Any:
    """Run a command line in a fresh process and return the result that it sends, if any.

    Raises:
        UserError: it fails, or takes longer than `TIMEOUT`.
    """
    try:
        ran = subprocesses.run(["-c", script, *arguments], timeout=TIMEOUT, environment=environment)
    except subprocess.TimeoutExpired:
        raise UserError(f"edgewbc {arguments[0]} did not finish in {TIMEOUT} s: use fewer --images") from None
    if ran.returncode:
        raise UserError(f"edgewbc {arguments[0]} {subprocesses.failure(ran)}")
    return subprocesses.read_result(ran)

"""Run a model that is not a released one in a subprocess first, before this process compiles it.

A damaged or malicious model can crash the runtime, allocate all memory, or never end (5 of 8,000 IRs with random
changes ended the process with SIGSEGV in OpenVINO 2026.4). In a subprocess with limits, that becomes an error of one
line. A model that passes is remembered in the cache folder by its hash, so that this costs about a second, once.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess  # noqa: S404
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle, ModelFiles
from edgewbc.errors import UserError
from edgewbc.runtime import tuning_cache
from edgewbc.runtime.predictor import Backend, ModelInfo
from edgewbc.utils.subprocesses import MARKER

SECONDS = 60.0
"""Time limit in seconds; the largest network (VGG16, unpruned, f32) takes less than 2 s on two cores."""
MEMORY = 8 << 30
"""Address space limit in bytes, where the system supports one; OpenVINO itself reserves less than 2 GiB."""

_FORMAT = 1
_START = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from edgewbc.runtime.trial_worker import main
main()
"""
_passed: set[str] = set()


@dataclass(frozen=True)
class TrialJob:
    """What the subprocess reads before the files of the model.

    Attributes:
        backend, precision: of the model.
        sizes: of its files in bytes; their contents follow in this order.
        classes: number of classes that it must have.
        input: height and width in pixels that it must take.
        memory: limit of the address space in bytes.
        seconds: limit of the time.
    """

    backend: str
    precision: str
    sizes: Sequence[int]
    classes: int
    input: Sequence[int]
    memory: int
    seconds: float


def read_model(bundle: Bundle, backend: str = Backend.OPENVINO, precision: str | None = None) -> ModelFiles:
    """Read a model that this process may run: a released one, or one that passed its trial.

    Args:
        bundle: to read from.
        backend: openvino or onnx.
        precision: of the model; None is the bundle's default.

    Raises:
        UserError: as `Bundle.read_model`; or the model crashed, took too long or too much memory, or does not give
            probabilities of the bundle's classes for an image of the bundle's size.
    """
    files = bundle.read_model(backend, precision)
    if not files.released:
        size = (bundle.pixels.height, bundle.pixels.width)
        require(files, classes=len(bundle.classes), input_size=size)
    return files


def require(files: ModelFiles, *, classes: int, input_size: tuple[int, int]) -> None:
    """Try a model in a subprocess, unless that was done before.

    Raises:
        UserError: it did not pass.
    """
    sizes = [len(part) for part in files.contents]
    key = {
        "format": _FORMAT,
        "model": files.sha256,
        "sizes": sizes,
        "backend": files.backend,
        "classes": classes,
        "input": list(input_size),
        "edgewbc": __version__,
    }
    name = json.dumps(key)
    if name in _passed or tuning_cache.knows_model(key):
        _passed.add(name)
        return
    if why := _try(files, TrialJob(files.backend, files.precision, sizes, classes, input_size, MEMORY, SECONDS)):
        raise UserError(f"{files.label}: {why}")
    _passed.add(name)
    with contextlib.suppress(OSError):  # then it is tried again next time
        tuning_cache.remember_model(key)


def check_info(bundle: Bundle, info: ModelInfo) -> None:
    """Raise UserError unless a compiled model has the classes and the input of its bundle."""
    size = (bundle.pixels.height, bundle.pixels.width)
    if info.classes != len(bundle.classes) or info.input_size != size:
        raise UserError(
            f"{bundle.path}: its model has {info.classes} classes and takes {info.input_size[0]} x {info.input_size[1]}"
            f" pixels, its manifest.json has {len(bundle.classes)} and {size[0]} x {size[1]}: export the bundle again"
        )


def _try(files: ModelFiles, job: TrialJob) -> str:
    """Return why a model cannot be used; empty if it can."""
    given = b"".join((json.dumps(asdict(job)).encode(), b"\n", *files.contents))
    command = [sys.executable, "-I", "-c", _START, json.dumps(_import_path())]
    try:
        child = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        return f"this model is not a released one, and could not be tried in a subprocess: {error}"
    with child:
        try:
            out, _ = child.communicate(given, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            return f"one prediction takes longer than {SECONDS:.0f} s; {REMEDY}"
        except BaseException:
            child.kill()
            child.wait()  # `Popen` does not wait after Ctrl-C
            raise
    lines = [line for line in out.decode("utf-8", "replace").splitlines() if line.startswith(MARKER)]
    if child.returncode == 0 and lines:
        return str(json.loads(lines[-1].removeprefix(MARKER)))
    return f"running this model ended a trial process ({_end(child.returncode)}); {REMEDY}"


REMEDY = "it is damaged, or was not exported by edgewbc: copy or export the bundle again"


def _end(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code if code < 1 << 31 else hex(code)}"


def _import_path() -> list[str]:
    """Return the import path of this process without the working folder, whose contents are not trusted."""
    package = Path(__file__).resolve().parents[2]
    here = Path.cwd().resolve()
    folders = [Path(name) for name in sys.path if name and Path(name).is_absolute()]
    return [str(folder) for folder in folders if folder.resolve() == package or folder.resolve() != here]

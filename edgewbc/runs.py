"""Run folders: each step (train, prune, quantize) makes a new folder, and no run is ever overwritten.

A run folder contains `model.safetensors`, `model.json`, `lineage.json` and the files of its step (recipe, metrics,
checkpoint, quantized files). Torch-free.
"""

from __future__ import annotations

import json
import platform
import subprocess  # noqa: S404
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.lineage import FILES, SHA256, Lineage
from edgewbc.nets.spec import SPEC as SPEC
from edgewbc.nets.spec import WEIGHTS as WEIGHTS
from edgewbc.nets.spec import ModelSpec
from edgewbc.utils.files import numbered, occupied, read_json, sha256, write_json
from edgewbc.utils.optional import installed_versions

ROOT = Path("runs")
LINEAGE = "lineage.json"
STARTED = "started.json"
QUANTIZATION = "quantize.json"
"""Report of a quantization, in the run folder that `edgewbc quantize` makes."""
RECIPE = "recipe.yaml"
HASHED = (SPEC, RECIPE, QUANTIZATION)
"""Files of a run, besides the weights, whose hashes the lineage holds. (Runs of earlier versions have none.)"""


def new(name: str, out: Path | None = None) -> Path:
    """Make an empty run folder: `out`, or else runs/<name>, with -2, -3, ... appended if that exists.

    Raises:
        UserError: `out` already exists and is not an empty folder.
    """
    if out is not None:
        if occupied(out):
            raise UserError(f"{out}: exists already, and a run is never overwritten: use another --to")
        out.mkdir(parents=True, exist_ok=True)
        return out
    for folder in numbered(ROOT / name):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    return folder


def newest(root: Path = ROOT, holding: str = WEIGHTS, lacking: str | None = None) -> Path:
    """Return the most recently finished run under `root`.

    Args:
        root: folder of run folders.
        holding: a file that the run must contain.
        lacking: a file that the run must not contain, or None.

    Raises:
        UserError: there is none.
    """
    found = [path.parent for path in root.glob(f"*/{holding}") if (path.parent / LINEAGE).is_file()]
    if lacking is not None:
        found = [path for path in found if not (path / lacking).exists()]
    if not found:
        raise UserError(f"{root}: no finished run here: make one with `edgewbc train`, or name a run folder")
    return max(found, key=lambda folder: ((folder / LINEAGE).stat().st_mtime_ns, folder.name))


def is_run(path: Path) -> bool:
    """Return whether a folder contains a network."""
    return (path / SPEC).is_file() and (path / WEIGHTS).is_file()


def is_begun(path: Path) -> bool:
    """Return whether a folder is that of a run which has not written its network yet."""
    return (path / STARTED).is_file() and (path / SPEC).is_file() and not (path / WEIGHTS).is_file()


def spec(run: Path) -> ModelSpec:
    """Return the description of a run's network. Raises UserError if `run` is not a run folder."""
    if not run.is_dir():
        raise UserError(f"{run}: no such run folder")
    return ModelSpec.read(run / SPEC)


def verify(run: Path) -> None:
    """Check that a run is finished, and that its weights, description, recipe and lineage have not changed since.

    Raises:
        UserError: it is not a run folder or not finished, or a file is missing or has changed.
    """
    check_finished(run)
    check_files(run)
    check_weights(run / WEIGHTS)


def check_files(run: Path) -> None:
    """Check the lineage of a run against its own hash, and the files of `HASHED` against the hashes in it.

    Raises:
        UserError: a file is missing or has changed since the run finished.
    """
    recorded = lineage(run)
    if not recorded.intact:
        raise _changed(run / LINEAGE)
    check_sums(run, recorded.files, "finished")


def sums(run: Path) -> dict[str, str]:
    """Return the hashes of those files of `HASHED` that a run holds, by name."""
    return {name: sha256(run / name) for name in HASHED if (run / name).is_file()}


def check_sums(run: Path, recorded: Mapping[str, str], since: str) -> None:
    """Check files of a run against hashes that `sums` returned.

    Args:
        run: folder of the run.
        recorded: hashes by file name; other names than `HASHED` are ignored.
        since: when they were taken: the run was "started" or "finished".

    Raises:
        UserError: a file is missing or has changed.
    """
    for name in HASHED:
        if name in recorded and (not (run / name).is_file() or sha256(run / name) != recorded[name]):
            raise _changed(run / name, since)


def _changed(file: Path, since: str = "finished") -> UserError:
    return UserError(f"{file}: damaged or changed since the run {since}: restore the file or make a new run")


def check_finished(run: Path) -> None:
    """Raise UserError unless a folder is a run folder whose step has ended."""
    if is_begun(run):
        raise UserError(f"{run}: is not finished (it has no {WEIGHTS}): finish it with --resume, or make a new run")
    if not is_run(run):
        raise UserError(f"{run}: not a run folder ({SPEC} and {WEIGHTS} are not both in it)")
    if not (run / LINEAGE).is_file():
        raise UserError(f"{run}: is not finished (it has no {LINEAGE}): finish it with --resume, or make a new run")


def check_weights(file: Path) -> None:
    """Check a run's weights against the hash in the `lineage.json` beside them, if there is one.

    Raises:
        UserError: the weights are not those that the run finished with, or the lineage does not hold their hash.
    """
    recorded = lineage(file.parent)
    if not recorded.to_json():
        return
    if recorded.model_sha256 is None:
        raise UserError(f"{file.with_name(LINEAGE)}: holds no hash of the weights: restore the file or make a new run")
    if sha256(file) != recorded.model_sha256:
        raise _changed(file)


def verify_quantized(run: Path) -> None:
    """Check that a quantized run is finished, and its weights and int8 files against the report of the quantization.

    Raises:
        UserError: it is not a finished run, it has no int8 files, or a file is missing or has changed.
    """
    report = run / QUANTIZATION
    if not report.is_file():
        raise UserError(f"{run}: has no int8 files: make them with `edgewbc quantize {run} --int8`")
    check_finished(run)
    check_files(run)
    record = read_json(report, "the report of a quantization")
    try:
        sums = {WEIGHTS: record["model_sha256"], **{k: v for k, v in record["files"].items() if "int8" in k}}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{report}: not the report of a quantization: {error!r}") from None
    for name, digest in sums.items():
        if not (run / name).is_file() or sha256(run / name) != digest:
            raise UserError(f"{run / name}: is missing or has changed since it was quantized: quantize the run again")


def stored_f32(run: Path, backend: str, names: Sequence[str]) -> Path | None:
    """Return the folder of the f32 files that a quantization wrote beside its int8 files, so that they are reused.

    Args:
        run: a run folder.
        backend: openvino or onnx.
        names: file names.

    Returns:
        None unless every file is there and unchanged, and was made from the run's present weights.
    """
    if not (run / QUANTIZATION).is_file():
        return None
    record = read_json(run / QUANTIZATION, "the report of a quantization")
    sums = record.get("files", {})
    expected = {
        WEIGHTS: record.get("model_sha256"),
        **{f"{backend}/{name}": sums.get(f"{backend}/{name}") for name in names},
    }
    intact = all((run / name).is_file() and sha256(run / name) == digest for name, digest in expected.items())
    return run / backend if intact else None


def is_quantized(run: Path) -> bool:
    """Return whether `edgewbc quantize` made a run."""
    return (run / QUANTIZATION).is_file() or lineage(run).step == "quantize"


def lineage(run: Path) -> Lineage:
    """Return a run's lineage; an empty one if it has no `lineage.json`."""
    path = run / LINEAGE
    return Lineage(dict(read_json(path, "a run's lineage"))) if path.is_file() else Lineage()


def write_lineage(run: Path, step: str, *, parent: Path | None = None, **facts: Any) -> None:
    """Write `lineage.json`: the step that made a run, its ancestors, and the versions of the software.

    It is written last, and marks the run as finished.

    Args:
        run: the run folder, with its weights.
        step: such as "train".
        parent: the run that it was made from; None for a new network.
        **facts: further entries, as JSON types.
    """
    ancestors = []
    if parent is not None:
        before = lineage(parent).without_hashes().to_json()
        ancestors = [*before.pop("ancestors", []), {"run": parent.name, **before}]
    record = {
        "step": step,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "edgewbc": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "versions": installed_versions("torch", "openvino", "nncf", "onnx", "onnxruntime", "torch-pruning", "numpy"),
        "model_sha256": sha256(run / WEIGHTS),
        **facts,
        "ancestors": ancestors,
    }
    seal_lineage(run, Lineage(record))


def seal_lineage(run: Path, record: Lineage) -> None:
    """Write `lineage.json` with the hashes of the other files (`sums`) and one of its own contents."""
    sealed = json.loads(json.dumps({**record.to_json(), FILES: sums(run)}))
    write_json(run / LINEAGE, {**sealed, SHA256: Lineage(sealed).digest})


@contextmanager
def resumable(run: Path, command: str) -> Iterator[None]:
    """Make Ctrl-C within the block say how to resume the run.

    Args:
        run: the run folder.
        command: that resumes it, such as "edgewbc train".

    Raises:
        KeyboardInterrupt: with the command line to resume with.
    """
    try:
        yield
    except KeyboardInterrupt:
        if any(run.rglob("*.safetensors")):
            raise KeyboardInterrupt(f"resume with: {command} --resume {run}") from None
        raise KeyboardInterrupt(f"{run} has no checkpoint yet: delete it and start again") from None


def commit() -> str | None:
    """Return the commit of the toolkit's own checkout, with a + if it has changes; None without a checkout."""
    top = Path(__file__).resolve().parent.parent
    if not (top / ".git").exists():
        return None
    try:
        run = ["git", "-C", str(top)]
        head = subprocess.run([*run, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5)  # noqa: S603
        status = subprocess.run(  # noqa: S603
            [*run, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if head.returncode:
        return None
    return head.stdout.strip() + ("+" if status.stdout.strip() else "")

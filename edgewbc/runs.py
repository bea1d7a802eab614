"""Run folders: each step (train, prune, quantize) makes a new one from an old one, and nothing is overwritten.

A run folder holds `model.safetensors`, `model.json`, `lineage.json` and what its step adds (recipe, metrics,
checkpoints, quantized files). Torch-free.
"""

from __future__ import annotations

import platform
import subprocess  # noqa: S404
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from edgewbc._version import __version__
from edgewbc.errors import UserError
from edgewbc.nets.spec import ModelSpec
from edgewbc.utils.files import numbered, occupied, read_json, sha256, write_json

ROOT = Path("runs")
LINEAGE = "lineage.json"
WEIGHTS = "model.safetensors"


def new(name: str, out: Path | None = None) -> Path:
    """Make an empty folder for a run: `out` if given (it must not exist), else runs/<name>, -2, -3 ... at need.

    Raises:
        UserError: `out` exists already.
    """
    if out is not None:
        if occupied(out):
            raise UserError(f"{out}: exists already, and a run is never overwritten: give another --to")
        out.mkdir(parents=True, exist_ok=True)
        return out
    for folder in numbered(ROOT / name):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        break
    return folder


def newest(root: Path = ROOT, holding: str = "model.safetensors", lacking: str | None = None) -> Path:
    """The finished run that was written last under `root`, of those that hold a file and (if named) lack another.

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
    return (path / "model.json").is_file() and (path / "model.safetensors").is_file()


def spec(run: Path) -> ModelSpec:
    """Raises UserError if `run` is not a run folder."""
    if not run.is_dir():
        raise UserError(f"{run}: no such run folder")
    return ModelSpec.read(run / "model.json")


def lineage(run: Path) -> dict[str, Any]:
    """What a run came from; an empty record if it came with none."""
    path = run / LINEAGE
    return dict(read_json(path, "a run's lineage")) if path.is_file() else {}


def write_lineage(run: Path, step: str, *, parent: Path | None = None, **facts: Any) -> None:
    """Record which step made this run, from which run, with which versions. Written last: it marks a run as done."""
    ancestors = []
    if parent is not None:
        before = lineage(parent)
        ancestors = [*before.pop("ancestors", []), {"run": parent.name, **before}]
    record = {
        "step": step,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "edgewbc": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "versions": versions("torch", "openvino", "nncf", "onnx", "onnxruntime", "torch-pruning", "numpy"),
        "model_sha256": sha256(run / "model.safetensors"),
        **facts,
        "ancestors": ancestors,
    }
    write_json(run / LINEAGE, record)


def versions(*names: str) -> dict[str, str]:
    """Installed versions of the packages named; those that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The commit of the toolkit's own checkout (with + when it has changes), or None outside of one."""
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

"""Preparation of a peer (training, conversion, calibration), done once and kept for later runs."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess  # noqa: S404
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.errors import UserError
from edgewbc.utils import subprocesses
from edgewbc.utils.files import read_json, sha256, write_json
from peerbench.catalog import HOME, Variant
from peerbench.environment import Environment, run

DONE = "prepared.json"
PATHS = ("folder", "images", "bundle", "inputs", "calibration_inputs")
"""Keys of a job that hold paths; a preparation stays valid when its files are moved."""

TIMEOUT = 6 * 3600
"""Seconds after which a preparation is stopped, in addition to the minutes of training."""


@dataclass(frozen=True)
class PreparationSettings:
    """Settings shared by the preparations of all peers.

    Attributes:
        images: folder of the cropped images.
        images_sha256: hash of its index.
        split: the split to predict.
        classes: of the bundle.
        bundle: edgewbc's bundle.
        minutes: duration of training.
        threads: of the runtimes.
        calibration: number of train images for the calibration of int8.
        seed: of training and of sampling calibration images.
    """

    images: Path
    images_sha256: str
    split: str
    classes: tuple[str, ...]
    bundle: Path
    minutes: float
    threads: int
    calibration: int
    seed: int

    def job(self, variant: Variant, folder: Path) -> dict[str, Any]:
        """Return the job for `measure.py` as JSON values."""
        return {
            "action": "prepare",
            "folder": str(folder),
            "images": str(self.images.resolve()),
            "split": self.split,
            "classes": list(self.classes),
            "bundle": str(self.bundle.resolve()),
            "source": None if variant.source is None else str(variant.source.resolve()),
            "imgsz": variant.imgsz,
            "rows": list(variant.peer.rows),
            "minutes": self.minutes,
            "threads": self.threads,
            "calibration": self.calibration,
            "seed": self.seed,
        }


def prepare(
    variant: Variant,
    settings: PreparationSettings,
    environment: Environment,
    folder: Path,
    inputs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run the preparation of a peer, or reuse an earlier one.

    An earlier preparation is reused if images, source, settings, requirements and scripts are the same.

    Args:
        variant: what to prepare.
        settings: shared by all peers.
        environment: where the peer runs.
        folder: output folder of the peer.
        inputs: for a network of edgewbc: `inputs` and `calibration_inputs` as edgewbc prepares them.

    Returns:
        what the peer returned (see `bench/peers/lib/peerside/peer.py`) and `seconds`; or `error`, which is not kept.
    """
    if environment.error:
        return {"error": environment.error}
    job = settings.job(variant, folder.resolve()) | {"inputs": None, "calibration_inputs": None} | (inputs or {})
    key = _key(variant, settings, job)
    done = folder / DONE
    if done.is_file():
        kept: dict[str, Any] = read_json(done, "the record of a preparation")
        if kept.get("key") == key:
            return _relocate(kept, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.monotonic()
    timeout = TIMEOUT + 60 * settings.minutes
    try:
        script = variant.peer.folder / "measure.py"
        ran = run(environment.python, script, json.dumps(job), folder.resolve(), settings.threads, timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"its preparation failed: {error}"}
    folder.with_name(f"{folder.name}.log").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    try:
        result = dict(subprocesses.require_result(ran, "its preparation"))
    except UserError as error:
        return {"error": str(error)}
    if result.get("error"):
        return {"error": str(result["error"])}
    result |= {"seconds": round(time.monotonic() - start, 1), "key": key, "work": _work(folder)}
    write_json(done, result)
    return result


def _work(folder: Path) -> str:
    """Return the work folder that contains a preparation folder `prepared/NAME`."""
    return str(folder.resolve().parents[1])


def _relocate(kept: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Replace the paths of a record if the work folder was moved, so that hours of training are not lost."""
    old, new = (json.dumps(place)[1:-1] for place in (kept["work"], _work(folder)))
    return dict(json.loads(json.dumps(kept).replace(old, new)))


def _key(variant: Variant, settings: PreparationSettings, job: dict[str, Any]) -> str:
    """Return a hash of everything that a preparation depends on, paths excluded."""
    without_paths = {name: value for name, value in job.items() if name not in PATHS}
    files = [path for path in (variant.peer.folder / "measure.py", variant.peer.requirements) if path is not None]
    files += sorted((HOME / "lib/peerside").glob("*.py"))
    source = "" if variant.source is None else fingerprint(variant.source)
    inputs = json.dumps([without_paths, settings.images_sha256, sha256(*files), source], sort_keys=True)
    return hashlib.sha256(inputs.encode()).hexdigest()


def fingerprint(source: Path) -> str:
    """Return a hash of the contents of a run folder or a bundle: of its checksums or its weights."""
    named = [source / name for name in ("SHA256SUMS", "model.safetensors", "model.json")]
    return sha256(*(path for path in ([source] if source.is_file() else named) if path.is_file()))

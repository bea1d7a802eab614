"""What a peer needs before it can be measured (training, conversion, calibration), done once and kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess  # noqa: S404
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc.utils import subprocesses
from edgewbc.utils.files import read_json, sha256, write_json
from peerbench import environment
from peerbench.catalogue import HOME, Variant
from peerbench.environment import Environment

DONE = "prepared.json"
PLACES = ("folder", "pictures", "bundle", "inputs", "calibration_inputs")
"""Of a job: they say where something lies that is kept in the work folder, or of which all that is needed is."""

LONGEST = 6 * 3600
"""Seconds after which a preparation is given up; those of a training come on top."""


@dataclass(frozen=True)
class Order:
    """What all peers are prepared with.

    Attributes:
        pictures: folder of the drawn pictures.
        pictures_sha256: of its index.
        split: that is answered.
        classes: of the bundle.
        bundle: ours.
        minutes: of training.
        threads: of the runtimes.
        calibration: train pictures for the calibration of int8.
        seed: of training and of the draw of calibration pictures.
    """

    pictures: Path
    pictures_sha256: str
    split: str
    classes: tuple[str, ...]
    bundle: Path
    minutes: float
    threads: int
    calibration: int
    seed: int

    def job(self, variant: Variant, folder: Path) -> dict[str, Any]:
        """The job that `measure.py` reads; all of it can be written as JSON."""
        return {
            "action": "prepare",
            "folder": str(folder),
            "pictures": str(self.pictures.resolve()),
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
    variant: Variant, order: Order, where: Environment, folder: Path, inputs: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Let a peer prepare itself, unless it did so before for the same order.

    What is kept is valid for the same pictures, source, settings, requirements and scripts; anything else begins anew.

    Args:
        folder: that the peer fills.
        inputs: of a network of the toolkit's: `inputs` and `calibration_inputs`, as the toolkit prepares them.

    Returns:
        what the peer told (see `bench/peers/lib/peerside/peer.py`), `seconds`, or `error`. An error is not kept.
    """
    if where.error:
        return {"error": where.error}
    job = order.job(variant, folder.resolve()) | {"inputs": None, "calibration_inputs": None} | (inputs or {})
    key = _key(variant, order, job)
    done = folder / DONE
    if done.is_file():
        kept: dict[str, Any] = read_json(done, "what a peer prepared")
        if kept.get("key") == key:
            return _moved(kept, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.monotonic()
    longest = LONGEST + 60 * order.minutes
    try:
        script = variant.peer.folder / "measure.py"
        ran = environment.run(where.python, script, json.dumps(job), folder.resolve(), order.threads, longest)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"its preparation failed: {error}"}
    folder.with_name(f"{folder.name}.log").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    told = subprocesses.read_result(ran)
    if not isinstance(told, dict):
        return {"error": f"its preparation ended with {ran.returncode}: {subprocesses.last_words(ran.stderr)}"}
    if told.get("error"):
        return {"error": str(told["error"])}
    told |= {"seconds": round(time.monotonic() - start, 1), "key": key, "work": _work(folder)}
    write_json(done, told)
    return told


def _work(folder: Path) -> str:
    """The folder of all that is kept, of which a preparation's is `prepared/NAME`."""
    return str(folder.resolve().parents[1])


def _moved(kept: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What was kept, with its files where they are now: hours of training outlive a renamed folder."""
    old, new = (json.dumps(place)[1:-1] for place in (kept["work"], _work(folder)))
    return dict(json.loads(json.dumps(kept).replace(old, new)))


def _key(variant: Variant, order: Order, job: dict[str, Any]) -> str:
    """Names everything that a preparation depends on; where it lies is not a part of it."""
    placeless = {name: value for name, value in job.items() if name not in PLACES}
    files = [path for path in (variant.peer.folder / "measure.py", variant.peer.requirements) if path is not None]
    files += sorted((HOME / "lib/peerside").glob("*.py"))
    source = "" if variant.source is None else fingerprint(variant.source)
    told = json.dumps([placeless, order.pictures_sha256, sha256(*files), source], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def fingerprint(source: Path) -> str:
    """Names what is in a run folder or a bundle: by its checksums, or by its weights."""
    named = [source / name for name in ("SHA256SUMS", "model.safetensors", "model.json")]
    return sha256(*(path for path in ([source] if source.is_file() else named) if path.is_file()))

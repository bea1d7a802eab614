"""Picture files to rows of a table: a label with its probabilities, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgewbc.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab.decode import PictureError, decode
from edgewbc.lab.engine import Engine
from edgewbc.lab.find import find as find
from edgewbc.pixels import Picture, prepare

REVIEW_BELOW = 0.5
"""Probability under which a label is for a person to look at, where the bundle does not say another."""

LARGEST = 1 << 30
"""Bytes of the largest file that is read."""

Status = Literal["ok", "review", "error"]


@dataclass(frozen=True)
class Row:
    """What is said of one picture.

    Attributes:
        path: as it was given or found.
        label: the class of the highest probability; empty for an error.
        probability: of the label, 0 to 1; None for an error.
        probabilities: by class, in the bundle's order; empty for an error.
        status: `ok`; `review`: a person should look, `reason` says why; `error`: no answer, `reason` says why.
        model_sha256: names the model's files that answered.
    """

    path: str
    label: str
    probability: float | None
    probabilities: dict[str, float] = field(default_factory=dict)
    status: Status = "ok"
    reason: str = ""
    model_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; probabilities with 6 decimals."""
        rounded = {name: round(value, 6) for name, value in self.probabilities.items()}
        best = None if self.probability is None else round(self.probability, 6)
        return {**asdict(self), "probability": best, "probabilities": rounded}


def classify(
    bundle: Bundle, paths: Sequence[Path], *, precision: str | None = None, threads: int | None = None, batch: int = 8
) -> Iterator[Row]:
    """Classify picture files, in order, a row each. A bad picture is a row, and the others go on.

    Args:
        bundle: whose model answers.
        paths: of files (see `find`).
        precision: of the model; None takes the bundle's default.
        threads: of the network; None leaves it to OpenVINO.
        batch: pictures answered at once.

    Raises:
        UserError: the bundle has no such model, or it cannot run. (Raised at once, before the first row is asked for.)
    """
    engine = Engine.of(bundle, precision, threads=threads)
    if engine.info["classes"] != len(bundle.classes):
        raise UserError(
            f"{bundle.path}: its model has {engine.info['classes']} classes and its manifest {len(bundle.classes)}"
        )
    return _rows(engine, bundle, paths, _threshold(bundle), bundle.model_sha256("openvino", precision), batch)


def _rows(
    engine: Engine, bundle: Bundle, paths: Sequence[Path], threshold: float, sha256: str, batch: int
) -> Iterator[Row]:
    rest = iter(paths)
    spec, classes = bundle.pixels, bundle.classes
    while part := list(islice(rest, batch)):
        read: list[tuple[Picture, tuple[str, ...]] | PictureError] = []
        for path in part:
            try:
                decoded = decode(_bytes(path))
                read.append((prepare(decoded.picture, spec), decoded.notes))
            except PictureError as error:
                read.append(error)
        good = [found[0] for found in read if isinstance(found, tuple)]
        answers = iter(engine(np.stack(good)).probabilities.tolist() if good else [])
        for path, found in zip(part, read, strict=True):
            if isinstance(found, PictureError):
                yield Row(str(path), "", None, status="error", reason=str(found), model_sha256=sha256)
                continue
            probabilities = dict(zip(classes, next(answers), strict=True))
            label = max(probabilities, key=probabilities.__getitem__)
            reasons = list(found[1])
            if probabilities[label] < threshold:
                reasons.append(f"probability {probabilities[label]:.2f} is below {threshold:.2f}")
            status: Status = "review" if reasons else "ok"
            yield Row(str(path), label, probabilities[label], probabilities, status, "; ".join(reasons), sha256)


def _bytes(path: Path) -> bytes:
    """A file's bytes. Raises PictureError if there are none to be had."""
    try:
        if not path.is_file():
            raise PictureError("not a file" if path.exists() else "no such file")
        if path.stat().st_size > LARGEST:
            raise PictureError(f"too large: a file of more than {LARGEST >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be read: {error.strerror}") from None


def _threshold(bundle: Bundle) -> float:
    try:
        return float(bundle.manifest.get("review_below", REVIEW_BELOW))
    except (TypeError, ValueError):
        raise UserError(f"{bundle.path}: review_below in its manifest.json is not a number") from None

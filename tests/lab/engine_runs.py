"""Runs of `classify` on any engine, for the tests that compare their results files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.lab.classify_request import ClassifyRequest
from edgewbc.lab.engine import Engine
from edgewbc.lab.session import run
from tests.lab.test_fields import cell, field
from tests.tiny import encode


def mixed_folder(top: Path) -> Path:
    """Write fields, cells, an empty field, damaged files, a folder inside, and a name that is not Unicode."""
    (top / "inner").mkdir(parents=True)
    images = {"a": field(1), "b": cell(2), "c": np.full((200, 300, 3), 236, np.uint8), "inner/d": field(3, 2)}
    for name, image in images.items():
        (top / f"{name}.png").write_bytes(encode(image))
    (top / "e.png").write_bytes(b"not an image")
    (top / "f.png").write_bytes(b"")
    (top / "=g.png").write_bytes(encode(cell(4)))
    if sys.platform == "linux":
        Path(os.fsdecode(os.fsencode(top) + b"/h\xff.png")).write_bytes(encode(cell(5)))
    return top


def classified(
    bundle: Bundle,
    out: Path,
    engine: Engine,
    *paths: Path,
    listed: tuple[str, ...] = (),
    threads: int | None = None,
) -> bytes:
    """Classify into a results file; return its bytes."""
    request = ClassifyRequest(paths, out, listed=listed, batch=2, threads=threads)
    run(request, lambda: bundle, sys.stdout, say=lambda _: None, engine=engine)
    return out.read_bytes()

"""What finding near duplicates costs: among 10,000 and 100,000 images, and 10,000,000 synthetic hashes.

Each measurement runs in a process of its own, so that its peak memory is its own:
`python -m bench.archive.audits KIND N`.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.console import CHECKOUT
from edgewbc.data import similar_hashes
from edgewbc.data.duplicates import HASH_BITS, fingerprint, near_pairs
from edgewbc.data.image_facts import FactStore, ImageFacts, ImageToCheck, check
from edgewbc.data.similar_hashes import Hashes, Pairs
from edgewbc.errors import exit_code
from edgewbc.images.decode import decode
from edgewbc.pixels import Image
from edgewbc.utils import subprocesses

PLANTED = (2, 4, 6, 8)
"""Bits in which the planted copies of synthetic hashes differ."""
COPIES = 0.01
"""Share of synthetic hashes that have a copy."""


def measured(kind: str, n: int, sources: Sequence[Path]) -> dict[str, Any]:
    """Measure in this process: `images` (read from files), `views` (drawn from them) or `hashes` (synthetic)."""
    found = _of_hashes(n) if kind == "hashes" else _of_images(n, sources, _read if kind == "images" else _draw)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"kind": kind, "n": n, **found, "peak_mb": round(peak, 1)}


def in_a_process(kind: str, n: int, data: Path) -> dict[str, Any]:
    """Measure in a process of its own.

    Raises:
        UserError: the process failed.
    """
    command = ["-m", "bench.archive.audits", kind, str(n), "--data", str(data)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(CHECKOUT)}
    ran = subprocesses.run(command, environment=environment)
    return dict(subprocesses.require_result(ran, f"the measurement of {n} {kind}"))


def _of_hashes(n: int) -> dict[str, Any]:
    hashes, planted = synthetic(n)
    begun = time.process_time()
    ones, twos = _joined(similar_hashes.most_pairs(hashes, HASH_BITS))
    seconds = time.process_time() - begun
    found = _keys(ones, twos, n)
    recalls = {str(bits): round(float(np.isin(_keys(*pairs, n), found).mean()), 4) for bits, pairs in planted.items()}
    return {"compare_cpu_s": round(seconds, 2), "pairs": len(ones), "recall_by_bits": recalls}


def _of_images(n: int, sources: Sequence[Path], make: Callable[[int, Sequence[Path]], Iterable[ImageFacts]]) -> Any:
    with FactStore(n) as store:
        begun = time.process_time()
        for facts in make(n, sources):
            store.add(facts)
        reading = time.process_time() - begun
        copies = store.copies()
        numbers, hashes, thumbnails = store.prints(number for of_one in copies for number in of_one[1:])
        found: dict[str, Any] = {"read_cpu_s": round(reading, 2), "distinct": len(numbers)}
        pairs: dict[str, set[tuple[int, int]]] = {}
        for name, most in (("hashing", 0), ("exact", n)):
            begun = time.process_time()
            near = near_pairs(hashes, numbers, thumbnails, max_exact=most)
            found[f"{name}_cpu_s"] = round(time.process_time() - begun, 2)
            pairs[name] = {(each.first, each.second) for each in near}
    exact = pairs["exact"]
    kept = len(pairs["hashing"] & exact)
    return {**found, "near_pairs": len(exact), "recall": round(kept / len(exact), 4) if exact else None}


def synthetic(n: int, seed: int = 0) -> tuple[Hashes, dict[int, Pairs]]:
    """Return n uniform hashes of which some are copies that differ in few bits, and those pairs by number of bits."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 1 << 64, n, dtype=np.uint64)
    planted: dict[int, Pairs] = {}
    each = max(1, round(n * COPIES / len(PLANTED)))
    places = random.permutation(n)[: 2 * each * len(PLANTED)].astype(np.int64).reshape(len(PLANTED), 2, -1)
    for bits, (ones, twos) in zip(PLANTED, places, strict=True):
        ranks = random.random((len(ones), 64)).argpartition(bits, axis=1)[:, :bits]
        masks = np.bitwise_or.reduce(np.uint64(1) << ranks.astype(np.uint64), axis=1)
        hashes[twos] = hashes[ones] ^ masks
        planted[bits] = np.minimum(ones, twos), np.maximum(ones, twos)
    return hashes, planted


def _joined(pairs: Iterable[Pairs]) -> Pairs:
    every = list(pairs)
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *(ones for ones, _ in every)]), np.concatenate([none, *(twos for _, twos in every)])


def _keys(ones: NDArray[np.int64], twos: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return ones * n + twos


def _read(n: int, sources: Sequence[Path]) -> Iterable[ImageFacts]:
    for number in range(n):
        path = sources[number % len(sources)]
        yield check(ImageToCheck(number, path, path.name, "", near=True))


def _draw(n: int, sources: Sequence[Path]) -> Iterable[ImageFacts]:
    """Yield the facts of n different views of images: cut out, mirrored and turned at random."""
    random = np.random.default_rng(0)
    views = -(-n // len(sources))
    number = 0
    for path in sources:
        image = decode(path.read_bytes()).image
        for _ in range(views):
            if number == n:
                return
            found = fingerprint(_view(image, random))
            digest = number.to_bytes(32, "big")
            yield ImageFacts(number, digest, hash=found.hash, thumbnail=found.thumbnail.tobytes())
            number += 1


def _view(image: Image, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    side = round(min(height, width) * random.uniform(0.55, 0.9))
    top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
    part = np.rot90(image[top : top + side, left : left + side], int(random.integers(4)))
    return np.ascontiguousarray(cv2.flip(part, 1) if random.integers(2) else part)


def images_of(data: Path) -> list[Path]:
    """Return PBC's images, sorted."""
    return sorted((data / "pbc").rglob("*.jpg"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure once and send the result to the parent process; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.archive.audits", description=__doc__)
    parser.add_argument("kind", choices=["images", "views", "hashes"])
    parser.add_argument("n", type=int)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("EDGEWBC_DATA", ".")))
    options = parser.parse_args(arguments)

    def step() -> None:
        sources = [] if options.kind == "hashes" else images_of(options.data)
        subprocesses.write_result(measured(options.kind, options.n, sources))

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

"""Decode mutated images and open mutated bundles, in a subprocess that may crash.

    python -m tests.fuzz --cases 100000 --bundles 10000 --seed 0 --out bench/results/fuzz.json

Cases run in chunks, and the result is saved after each; run the same command again to resume. Crashes, hangs and
unexpected exceptions (other than ImageError, or UserError for a bundle) are listed with their case numbers; `--case 17`
(with `--kind bundles` for a bundle) runs that case alone in this process. Prints one JSON object to stdout; exit code
1 if anything was found.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from edgewbc.images.decode import Decoded, ImageError, decode
from edgewbc.utils.files import write_json
from tests import fuzz_bundles, fuzz_images

CHUNK = 5000
HANG = 5.0
"""Limit of CPU time per case, in seconds."""
GROWTH = 1024
"""Limit of memory growth per case, in MiB."""
KILL = 120.0
"""Seconds without progress after which a case is killed."""
MISSING = 9


def image(seed: int, number: int) -> tuple[str, str]:
    """Run one image; return its format and the outcome (decoded, noted or refused)."""
    name, _, data = fuzz_images.case(seed, number)
    kind = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"BM": "BMP", b"GI": "GIF", b"RI": "WebP"}.get(
        fuzz_images.corpus()[name][:2], "TIFF"
    )
    try:
        found = decode(data)
    except ImageError as error:
        told = str(error)
    else:
        return kind, _sound(found)
    assert "\n" not in told, told
    return kind, "refused"


def _sound(found: Decoded) -> str:
    assert found.image.dtype == "uint8"
    assert found.image.ndim == 3
    assert found.image.shape[2] == 3
    return "noted" if found.notes else "decoded"


def bundle(seed: int, number: int) -> tuple[str, str]:
    """Run one bundle; return the mutation and the outcome (opened or refused)."""
    place = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        how, path = fuzz_bundles.case(seed, number, place)
        return how, fuzz_bundles.attempt(path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


RUN = {"images": image, "bundles": bundle}


def _mib() -> float:
    """Return the peak memory of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(kind: str, seed: int, start: int, stop: int, mark: Path) -> None:
    """Run cases, with the number of the current one in `mark`; print the outcomes as a line of JSON."""
    counts: dict[str, dict[str, int]] = {}
    escaped: list[dict[str, Any]] = []
    slowest, largest = [0.0, start], [0.0, start]
    for number in range(20):  # memory that libraries allocate at first use is not counted
        RUN[kind](seed + 1, number)
    before = first = _mib()
    with mark.open("r+b") as file, mmap.mmap(file.fileno(), 8) as place:
        for number in range(start, stop):
            place[:8] = struct.pack("<q", number)
            began = time.process_time()
            try:
                name, outcome = RUN[kind](seed, number)
            except Exception as error:
                name, outcome = "escaped", type(error).__name__
                escaped.append({"case": number, "error": repr(error)[:300]})
            took, now = time.process_time() - began, _mib()
            slowest, largest = max(slowest, [took, number]), max(largest, [now - before, number])
            before = now
            counts.setdefault(name, {}).setdefault(outcome, 0)
            counts[name][outcome] += 1
    print(json.dumps({"counts": counts, "escaped": escaped, "slowest": slowest, "largest": largest,
                      "growth": before - first}))  # fmt: skip


def chunk(kind: str, seed: int, start: int, stop: int, total: dict[str, Any]) -> int:
    """Run cases in a subprocess and add the outcomes to `total`; return the number of the next case."""
    with tempfile.NamedTemporaryFile(suffix=".mark") as mark:
        mark.write(struct.pack("<q", start))
        mark.flush()
        command = [sys.executable, "-m", "tests.fuzz", "--kind", kind, "--seed", str(seed), "--work",
                   f"{start}:{stop}:{mark.name}"]  # fmt: skip
        at, since = start, time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            while True:
                try:
                    out, _ = child.communicate(timeout=2)
                    break
                except subprocess.TimeoutExpired:
                    (now,) = struct.unpack("<q", Path(mark.name).read_bytes())
                    if now != at:
                        at, since = now, time.monotonic()
                    elif time.monotonic() - since > KILL:
                        child.kill()
            if child.returncode:
                (at,) = struct.unpack("<q", Path(mark.name).read_bytes())
                hung = child.returncode == -MISSING
                total["hangs" if hung else "crashes"].append({"case": at, "signal": -child.returncode})
                if at > start:  # the cases before it passed, but their counts are lost: repeat them
                    chunk(kind, seed, start, at, total)
                return int(at) + 1
    found: dict[str, Any] = json.loads(out)
    for name, outcomes in found["counts"].items():
        held = total["by_kind"].setdefault(name, {})
        for outcome, number in outcomes.items():
            held[outcome] = held.get(outcome, 0) + number
            total["cases"] += number
    total["escaped"] += found["escaped"]
    for key, value, case in (("slowest_cpu_s", *found["slowest"]), ("largest_growth_mib", *found["largest"])):
        if value > total[key]["value"]:
            total[key] = {"value": round(value, 3), "case": case}
    return stop


def fuzz(kind: str, cases: int, seed: int, total: dict[str, Any], out: Path | None, whole: dict[str, Any]) -> None:
    """Run the cases up to the given number, and save the result in `out` after each chunk."""
    while total["next"] < cases:
        began = time.perf_counter()
        total["next"] = chunk(kind, seed, total["next"], min(total["next"] + CHUNK, cases), total)
        total["seconds"] = round(total["seconds"] + time.perf_counter() - began, 1)
        if out is not None:
            write_json(out, whole)
        print(f"{kind}: {total['next']} of {cases}", file=sys.stderr)


def empty() -> dict[str, Any]:
    """Return the result before the first case."""
    none = {"value": 0.0, "case": 0}
    lists: dict[str, Any] = {"crashes": [], "hangs": [], "escaped": []}
    return {"cases": 0, "next": 0, **lists, "slowest_cpu_s": none, "largest_growth_mib": none, "seconds": 0.0,
            "by_kind": {}}  # fmt: skip


def main() -> int:
    """Run the command described above."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="images")
    parser.add_argument("--bundles", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file for the result; a run resumes from it")
    parser.add_argument("--kind", choices=RUN, default="images")
    parser.add_argument("--case", type=int, help="run only this case")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        start, stop, mark = given.work.split(":", 2)
        work(given.kind, given.seed, int(start), int(stop), Path(mark))
        return 0
    if given.case is not None:
        print(json.dumps(RUN[given.kind](given.seed, given.case)))
        return 0
    whole: dict[str, Any] = {"seed": given.seed, "images": empty(), "bundles": empty()}
    if given.out is not None and given.out.exists():
        held = json.loads(given.out.read_text(encoding="utf-8"))
        whole = held if held["seed"] == given.seed else whole
    for kind, cases in (("images", given.cases), ("bundles", given.bundles)):
        fuzz(kind, cases, given.seed, whole[kind], given.out, whole)
    print(json.dumps(whole))
    found = (whole[kind] for kind in RUN)
    return int(
        any(
            part["crashes"] or part["hangs"] or part["escaped"] or part["slowest_cpu_s"]["value"] > HANG
            or part["largest_growth_mib"]["value"] > GROWTH
            for part in found
        )
    )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())

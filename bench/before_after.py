"""Compare this checkout with an earlier one, in turns on one machine: `python -m bench.before_after CHECKOUT MANIFEST`.

Both run with this interpreter and its packages. Measured are `--help`, `classify` of one image from start to end (cold
start), `classify` of many images, and the throughput from file to label as a share of what the cores allow. The labels
of every image of a split are compared for each bundle that the earlier checkout ships: with the earlier bundle in both
checkouts, and with the bundle of the same name that this one ships.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess  # noqa: S404
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.console import CHECKOUT
from edgewbc.bench import process_metrics
from edgewbc.cli.console import say
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code
from edgewbc.utils import subprocesses
from edgewbc.utils.files import write_json
from edgewbc.utils.json_values import plain
from edgewbc.utils.text import table

BUNDLES = Path("export") / "bundles"
SIDES = ("before", "after")
TIMEOUT = 150
"""Seconds after which `bench --end-to-end` is stopped; earlier versions could wait for each other's threads forever."""


@dataclass(frozen=True)
class Side:
    """A checkout to run commands of.

    Attributes:
        checkout: its folder.
        work: folder for what its commands write: compiled modules, caches and results.
    """

    checkout: Path
    work: Path

    def run(self, *arguments: str, timeout: float | None = None) -> tuple[str, float, float]:
        """Run `edgewbc` with these arguments in a fresh process.

        Returns:
            What it wrote to stdout; its seconds, and those of CPU time.

        Raises:
            UserError: it fails.
            subprocess.TimeoutExpired: it took longer than `timeout` seconds, and was stopped.
        """
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "PYTHONPATH": str(self.checkout),
            "PYTHONPYCACHEPREFIX": str(self.work / "compiled"),  # as installed: compiled, but not into the checkout
            "EDGEWBC_CACHE": str(self.work / "cache"),
        }
        used, start = _children(), time.perf_counter()
        ran = subprocesses.run(["-c", process_metrics.COMMAND, *arguments], environment=environment, timeout=timeout)
        seconds = time.perf_counter() - start
        if ran.returncode:
            raise UserError(f"{self.checkout}: edgewbc {arguments[0]} {subprocesses.failure(ran)}")
        return ran.stdout, seconds, _children() - used

    def bundle(self, name: str) -> Path:
        """Return the folder of a bundle that the checkout ships."""
        return self.checkout / BUNDLES / name

    def labels(self, bundle: Path, images: Path) -> dict[str, tuple[str, float]]:
        """Classify a folder of images; return label and probability by file name."""
        rows = self.work / "labels.csv"
        for old in self.work.glob("labels.csv*"):
            old.unlink()
        self.run("classify", str(images), "--model", str(bundle), "--out", str(rows))
        with rows.open(encoding="utf-8", newline="") as file:
            return {Path(row["path"]).name: (row["label"], float(row["probability"])) for row in csv.DictReader(file)}


@dataclass(frozen=True)
class Turns:
    """A command that both checkouts ran in turns.

    Attributes:
        seconds, cpu_seconds: of each round, by side.
        ratio: median over the rounds of the seconds after over those before; below 1, it became faster.
    """

    seconds: Mapping[str, tuple[float, ...]]
    cpu_seconds: Mapping[str, tuple[float, ...]]
    ratio: float

    @classmethod
    def of(cls, rounds: Sequence[Mapping[str, tuple[float, float]]]) -> Turns:
        """Summarize rounds of (seconds, CPU seconds) by side."""
        return cls(
            {side: tuple(round(one[side][0], 4) for one in rounds) for side in SIDES},
            {side: tuple(round(one[side][1], 4) for one in rounds) for side in SIDES},
            round(median(one["after"][0] / one["before"][0] for one in rounds), 4),
        )


@dataclass(frozen=True)
class LabelComparison:
    """Labels of the same images by two models.

    Attributes:
        n: number of images.
        equal: number of images with the same label.
        different: names of the others.
        probability: largest difference of the probability of the label, where the labels are the same.
    """

    n: int
    equal: int
    different: tuple[str, ...]
    probability: float

    @classmethod
    def of(cls, before: Mapping[str, tuple[str, float]], after: Mapping[str, tuple[str, float]]) -> LabelComparison:
        """Compare labels and probabilities by file name.

        Raises:
            UserError: they are not of the same images.
        """
        if before.keys() != after.keys():
            raise UserError("the checkouts did not classify the same images")
        same = [name for name, (label, _) in before.items() if label == after[name][0]]
        largest = max((abs(before[name][1] - after[name][1]) for name in same), default=0.0)
        return cls(len(before), len(same), tuple(sorted(before.keys() - set(same))), round(largest, 6))


@dataclass(frozen=True)
class BundleComparison:
    """The bundle of one name in both checkouts.

    Attributes:
        changed_files: files of the bundle that differ or are in one checkout only.
        same_bundle: labels by both checkouts, of the earlier checkout's bundle.
        own_bundles: labels by each checkout, of its own bundle.
    """

    changed_files: tuple[str, ...]
    same_bundle: LabelComparison
    own_bundles: LabelComparison


@dataclass(frozen=True)
class BeforeAfter:
    """Two checkouts in one run.

    Attributes:
        help, cold_start: of `--help` and of `classify` of one image.
        many: of `classify` of many images. Both checkouts run the earlier one's bundle.
        cold_start_own, many_own: the same, with the bundle that each ships; the later one may check more in each image.
        images: how many.
        share_of_limit: throughput of the pipeline over what the cores allow, of each round, by side.
        bundles: by name.
    """

    help: Turns
    cold_start: Turns
    many: Turns
    cold_start_own: Turns
    many_own: Turns
    images: int
    share_of_limit: Mapping[str, tuple[float, ...]]
    bundles: Mapping[str, BundleComparison]

    def text(self) -> str:
        """Return the comparison as a table, and a line for each bundle."""
        rows = [
            (what, *(f"{median(turns.seconds[side]):.3f}" for side in SIDES),
             *(f"{min(turns.cpu_seconds[side]):.3f}" for side in SIDES), f"{turns.ratio:.3f}")
            for what, turns in (
                ("edgewbc --help", self.help),
                ("classify, 1 image", self.cold_start),
                (f"classify, {self.images} images", self.many),
                ("1 image, own bundles", self.cold_start_own),
                (f"{self.images} images, own bundles", self.many_own),
            )
        ]  # fmt: skip
        shares = [f"{side} {median(self.share_of_limit[side]):.3f}" for side in SIDES if self.share_of_limit[side]]
        lines = [
            table(("", "before s", "after s", "CPU before", "CPU after", "after/before"), rows),
            f"file to label, share of what the cores allow: {', '.join(shares)}",
        ]
        for name, found in self.bundles.items():
            same, own = found.same_bundle, found.own_bundles
            changed = ", ".join(found.changed_files) or "none"
            lines.append(
                f"{name}: same label for {same.equal} of {same.n} images (probability +-{same.probability}); with the "
                f"bundle as shipped now {own.equal} of {own.n}; changed files: {changed}"
            )
        return "\n".join(lines)


def measure(
    before: Path, manifest: Manifest, *, starts: int, rounds: int, shares: int, copies: int, bundle: str
) -> BeforeAfter:
    """Measure both checkouts in turns.

    Args:
        before: folder of the earlier checkout.
        manifest: its test split is classified.
        starts: rounds of the short commands.
        rounds: rounds of the long ones.
        shares: rounds of `bench --end-to-end`.
        copies: how often each image is classified in a long command.
        bundle: name of the bundle that is timed.

    Raises:
        UserError: a command fails, or the earlier checkout ships no such bundle.
    """
    if not (before / BUNDLES / bundle).is_dir():
        raise UserError(f"{before}: ships no bundle {bundle}")
    with tempfile.TemporaryDirectory(prefix="edgewbc-bench-") as temporary:
        folder = Path(temporary)
        sides = {
            name: Side(path.resolve(), folder / name) for name, path in zip(SIDES, (before, CHECKOUT), strict=True)
        }
        one, all_images, many = (folder / name for name in ("one", "all", "many"))
        for made in (one, all_images, many, *(side.work for side in sides.values())):
            made.mkdir()
        for index, entry in enumerate(manifest.split("test")):
            file = all_images / f"{index:05d}{Path(entry.path).suffix}"
            file.write_bytes(manifest.read_bytes(entry))
            for copy in range(copies):
                os.link(file, many / f"{copy:02d}-{file.name}")
            if index == 0:
                os.link(file, one / file.name)
        same, own = (
            [("--model", str((sides["before"] if of_before else side).bundle(bundle))) for side in sides.values()]
            for of_before in (True, False)
        )
        say("start-up")
        short = _turns(sides, [["--help"]] * 2, starts)
        cold, cold_own = (
            _turns(sides, [["classify", str(one), *each] for each in model], starts) for model in (same, own)
        )
        say("throughput")
        long, long_own = (
            _turns(sides, [["classify", str(many), *each, "--json"] for each in model], rounds) for model in (same, own)
        )
        of_limit = _shares_of_limit(sides, manifest, bundle, shares)
        bundles = {}
        for path in sorted((before / BUNDLES).iterdir()):
            say(f"labels of {path.name}")
            bundles[path.name] = _compare(sides, path.name, all_images)
        return BeforeAfter(short, cold, long, cold_own, long_own, sum(1 for _ in many.iterdir()), of_limit, bundles)


def _turns(sides: Mapping[str, Side], arguments: Sequence[Sequence[str]], rounds: int) -> Turns:
    """Run a command in both checkouts in each round, every other round backwards, after one uncounted run of each."""
    commands = dict(zip(sides, arguments, strict=True))
    found = []
    for number in range(rounds + 1):
        order = list(sides) if number % 2 else list(sides)[::-1]
        found.append({name: sides[name].run(*commands[name])[1:] for name in order})
    return Turns.of(found[1:])


def _shares_of_limit(
    sides: Mapping[str, Side], manifest: Manifest, bundle: str, rounds: int
) -> dict[str, tuple[float, ...]]:
    """Return the ratio of `bench --end-to-end` in each round, by side."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    data = ("--data", str(manifest.folder), "--limit", "200", "--pictures", "0", "--json")  # its name in both checkouts
    for _ in range(rounds):
        for name, side in sides.items():
            arguments = ("bench", "--end-to-end", "--model", str(side.bundle(bundle)), *data)
            try:
                out, *_ = side.run(*arguments, timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                say(f"{name}: bench --end-to-end did not end within {TIMEOUT} s, and was stopped")
                continue
            found[name].append(float(json.loads(out)["ratio"]))
    return {name: tuple(values) for name, values in found.items()}


def _compare(sides: Mapping[str, Side], name: str, images: Path) -> BundleComparison:
    old, new = (sides[side].bundle(name) for side in SIDES)
    first = sides["before"].labels(old, images)
    again = sides["after"].labels(old, images)
    now = sides["after"].labels(new, images)
    return BundleComparison(changed_files(old, new), LabelComparison.of(first, again), LabelComparison.of(first, now))


def changed_files(first: Path, second: Path) -> tuple[str, ...]:
    """Return the files of two folders that differ or are in one of them only."""
    hashes: list[dict[str, str]] = [
        {
            file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.rglob("*")
            if file.is_file()
        }
        for folder in (first, second)
    ]
    names = sorted({*hashes[0], *hashes[1]})
    return tuple(name for name in names if hashes[0].get(name) != hashes[1].get(name))


def _children() -> float:
    """Return the CPU seconds of all subprocesses that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.before_after", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, metavar="CHECKOUT", help="folder of the earlier checkout")
    parser.add_argument("manifest", type=Path, help="manifest whose test split is classified")
    parser.add_argument("--bundle", default="wbc5-edge", help="bundle that is timed [default: wbc5-edge]")
    parser.add_argument("--starts", type=int, default=10, help="rounds of the short commands [default: 10]")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the long ones [default: 3]")
    parser.add_argument("--shares", type=int, default=2, help="rounds of bench --end-to-end [default: 2]")
    parser.add_argument("--copies", type=int, default=4, help="copies of each image in a long command [default: 4]")
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    given = parser.parse_args(arguments)

    def run() -> None:
        result = measure(
            given.before,
            Manifest.read(given.manifest),
            starts=given.starts,
            rounds=given.rounds,
            shares=given.shares,
            copies=given.copies,
            bundle=given.bundle,
        )
        if given.out is not None:
            values: dict[str, Any] = plain(result)
            write_json(given.out, values)
        print(result.text())

    return exit_code(run)


if __name__ == "__main__":
    sys.exit(main())

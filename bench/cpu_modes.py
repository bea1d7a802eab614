"""Which precision, batch size and number of streams is fastest on this CPU, and on older ones.

    python -m bench.cpu_modes export/bundles/wbc5-edge export/bundles/wbc5-accurate

A CPU with AMX multiplies matrices of bfloat16 and 8-bit integers in tiles; one with AVX-512 has instructions for 8-bit
integers only, and the next older one has neither. OpenVINO compiles for a lesser instruction set if the environment
variable ONEDNN_MAX_CPU_ISA says so, so that one machine shows how the choice differs. (Clock speed, caches and memory
stay those of this machine.) Each bundle gets its float network beside its INT8 one, recovered from the INT8 ONNX file
as in `bench.onnx_int8`, in a copy that is thrown away.

Every round runs each instruction set in a fresh process, every other round backwards. After the rounds,
`edgewbc doctor`'s own measurement chooses under each instruction set, and its choice is compared with the
fastest that was measured. It takes about six minutes and needs a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from bench import console
from bench.onnx_int8 import to_float
from edgewbc.bench import machine, timing
from edgewbc.bench.interleave import back_and_forth
from edgewbc.bench.summary import percentiles
from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.paths import GOLDEN, MANIFEST
from edgewbc.cli.console import say
from edgewbc.errors import UserError, exit_code
from edgewbc.runtime import golden, host, tuning
from edgewbc.runtime.golden import ExpectedOutputs
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.openvino_import import capabilities, core, openvino
from edgewbc.runtime.predictor import Compute
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.runtime.synthetic_network import cpu_isa
from edgewbc.runtime.throughput import run_for
from edgewbc.utils import subprocesses
from edgewbc.utils.files import write_json
from edgewbc.utils.text import markdown

FORMAT = 1
LIMIT = "ONEDNN_MAX_CPU_ISA"
ISAS = ("AVX512_CORE_AMX", "AVX512_CORE_VNNI", "AVX2_VNNI", "AVX2")
"""Limits of the instruction set that are tried, as oneDNN names them; those beyond what the CPU has are left out."""
KINDS: tuple[tuple[str, Compute], ...] = (("int8", "f32"), ("f32", "bf16"), ("f32", "f32"))
"""Precision of the model, and of the layers that are not int8."""
BATCHES = (1, 8, 32)
BF16_TOLERANCE = 0.05
"""Largest difference from the float network's probabilities with which `doctor` may choose bfloat16 here."""


@dataclass(frozen=True)
class Mode:
    """A network run in one way.

    Attributes:
        isa: the instruction set, as OpenVINO calls it.
        bundle: name.
        precision, compute: see `KINDS`.
        batch, streams: images at once, and batches at once; all cores are used.
    """

    isa: str
    bundle: str
    precision: str
    compute: str
    batch: int
    streams: int

    @property
    def kind(self) -> str:
        """int8, bf16 or f32."""
        return self.precision if self.precision == "int8" else self.compute


@dataclass(frozen=True)
class ModeSpeed:
    """What was measured of a mode.

    Attributes:
        mode: what was run.
        images_per_s: of the network alone, one value a round.
        p50_ms, p99_ms: latency of single images, one value a round; empty unless batch and streams are 1.
    """

    mode: Mode
    images_per_s: tuple[float, ...]
    p50_ms: tuple[float, ...] = ()
    p99_ms: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self.mode), **{name: list(getattr(self, name)) for name in _MEASURED}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModeSpeed:
        """Read JSON values."""
        mode = Mode(**{name: values[name] for name in Mode.__dataclass_fields__})
        return cls(mode, *(tuple(values[name]) for name in _MEASURED))


_MEASURED = ("images_per_s", "p50_ms", "p99_ms")


@dataclass(frozen=True)
class Chosen:
    """What `doctor` chooses.

    Attributes:
        isa, bundle: as in `Mode`.
        kind: int8, bf16 or f32.
        streams: batches at once.
        share: its speed as a share of the fastest mode with the same batch size, from the rounds' medians.
    """

    isa: str
    bundle: str
    kind: str
    streams: int
    share: float

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def with_float_network(bundle: Bundle, to: Path) -> Bundle:
    """Copy a bundle, and add its float network for OpenVINO.

    Args:
        bundle: a folder with an INT8 ONNX file.
        to: folder to create.

    Raises:
        UserError: the bundle has no INT8 ONNX file.
    """
    if not bundle.holds("onnx", "int8"):
        raise UserError(f"{bundle.path}: has no INT8 model for ONNX Runtime, from which the float network is recovered")
    shutil.copytree(bundle.path, to)
    ov = openvino()
    plain = to / "float.onnx"
    plain.write_bytes(to_float(bundle.read(bundle.model_files("onnx", "int8")[0])))
    network = ov.convert_model(plain)
    own = core().read_model(to / "openvino" / "int8.xml").get_rt_info()["model_info"]
    for name in own:
        network.set_rt_info(own[name], ["model_info", name])
    ov.save_model(network, to / "openvino" / "f32.xml", compress_to_fp16=False)
    plain.unlink()
    record = bundle.manifest.to_json()
    record["files"]["f32"] = {"openvino": ["openvino/f32.xml", "openvino/f32.bin"]}
    tolerance = record["golden"]["tolerance"]
    record["golden"]["tolerance"] = {**tolerance, "f32": BF16_TOLERANCE}
    write_json(to / MANIFEST, record)
    seal(to)
    copy = Bundle.open(to)
    predictor = OpenVINOPredictor.from_bundle(copy, "f32")
    images = GoldenSamples.from_bundle(copy).images
    samples = [
        replace(each, expected={**each.expected, "f32": ExpectedOutputs.of(predictor(image[None]))})
        for each, image in zip(golden.parse(copy.read(GOLDEN)), images, strict=True)
    ]
    golden.write(to, samples)
    seal(to)
    return Bundle.open(to)


def has_bfloat16(isa: str) -> bool:
    """Return whether an instruction set has bfloat16.

    OpenVINO reports what the CPU has, whatever ONEDNN_MAX_CPU_ISA says, and crashes if bfloat16 is asked for under
    AVX2.
    """
    return "bfloat16" in isa


def modes(isa: str, bundle: str, cores: int) -> list[Mode]:
    """Return what is measured of a bundle."""
    return [
        Mode(isa, bundle, precision, compute, batch, streams)
        for precision, compute in KINDS
        if compute != "bf16" or has_bfloat16(isa)
        for batch in BATCHES
        for streams in sorted({1, cores})
    ]


def measure_round(bundles: Sequence[Bundle], seconds: float) -> list[ModeSpeed]:
    """Measure every mode once, in this process and under its instruction set."""
    found, isa, cores = [], cpu_isa(), host.cores()
    for bundle in bundles:
        images = GoldenSamples.from_bundle(bundle).images
        for mode in modes(isa, bundle.name, cores):
            predictor = OpenVINOPredictor.from_bundle(
                bundle,
                mode.precision,
                compute="bf16" if mode.compute == "bf16" else "f32",
                threads=cores,
                streams=mode.streams,
                hint="latency" if mode.batch == mode.streams == 1 else "throughput",
            )
            run_for(predictor, images, mode.batch, seconds / 4, at_least=2)
            count, passed = run_for(predictor, images, mode.batch, seconds)
            speed = round(count * mode.batch / passed, 1)
            found.append(ModeSpeed(mode, (speed,), *_latency(predictor, images, mode, seconds)))
    return found


def _latency(
    predictor: OpenVINOPredictor, images: np.ndarray[Any, np.dtype[np.uint8]], mode: Mode, seconds: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the percentiles 50 and 99 of the milliseconds of single images, as `edgewbc bench` measures them."""
    if not mode.batch == mode.streams == 1:
        return (), ()
    found = percentiles(timing.latency(predictor, images, 3 * seconds))
    return (found.p50,), (found.p99,)


def merge(rounds: Sequence[Sequence[ModeSpeed]]) -> list[ModeSpeed]:
    """Bring the values of all rounds together, by mode."""
    found: dict[Mode, list[ModeSpeed]] = {}
    for each in rounds:
        for speed in each:
            found.setdefault(speed.mode, []).append(speed)
    return [
        ModeSpeed(mode, *(tuple(value for one in given for value in getattr(one, name)) for name in _MEASURED))
        for mode, given in found.items()
    ]


def choose(bundles: Sequence[Bundle], seconds: float) -> list[tuple[str, str, str, int]]:
    """Return instruction set, bundle, kind and streams of what `doctor` chooses in this process."""
    found = []
    able = [each for each in capabilities() if each != "BF16" or has_bfloat16(cpu_isa())]
    for bundle in bundles:
        with patch.object(tuning, "capabilities", lambda: able):
            best = tuning.best_of(bundle, tuning.measure(bundle, seconds))
        if best is None:
            raise UserError(f"{bundle.path}: no model gives the expected predictions on this CPU")
        found.append((cpu_isa(), bundle.name, best.choice.kind, best.choice.streams))
    return found


def judge(chosen: Sequence[tuple[str, str, str, int]], speeds: Sequence[ModeSpeed]) -> list[Chosen]:
    """Compare choices with the fastest modes, at the batch size with which `doctor` measures."""
    found = []
    for isa, bundle, kind, streams in chosen:
        own = {
            (each.mode.kind, each.mode.streams): median(each.images_per_s)
            for each in speeds
            if (each.mode.isa, each.mode.bundle, each.mode.batch) == (isa, bundle, tuning.BATCH)
        }
        share = own[kind, streams] / max(own.values())
        found.append(Chosen(isa, bundle, kind, streams, round(share, 3)))
    return found


def table(speeds: Sequence[ModeSpeed], chosen: Sequence[Chosen]) -> str:
    """Return a Markdown table: a row an instruction set, bundle and kind."""
    header = (
        *("instruction set", "bundle", "precision", "batch 1", "batch 8", "batch 32"),
        *("8 in streams", "32 in streams", "p50 ms", "p99 ms", "chosen"),
    )
    by_mode = {each.mode: each for each in speeds}
    picked = {(each.isa, each.bundle, each.kind): each for each in chosen}
    lines, seen = [], dict.fromkeys((m.isa, m.bundle, m.precision, m.compute) for m in by_mode)
    most = max(mode.streams for mode in by_mode)
    for isa, bundle, precision, compute in seen:

        def of(batch: int, streams: int, own: tuple[str, str, str, str] = (isa, bundle, precision, compute)) -> str:
            return f"{median(by_mode[Mode(*own, batch, streams)].images_per_s):,.0f}"

        first = Mode(isa, bundle, precision, compute, 1, 1)
        pick = picked.get((isa, bundle, first.kind))
        streams = "" if pick is None else f"{pick.streams} {'stream' if pick.streams == 1 else 'streams'}"
        mark = "" if pick is None else f"{streams}, {100 * pick.share:.0f} %"
        latency = [f"{median(getattr(by_mode[first], name)):.2f}" for name in ("p50_ms", "p99_ms")]
        speed = [*(of(batch, 1) for batch in BATCHES), of(8, most), of(32, most)]
        lines.append([_short(isa), bundle, first.kind, *speed, *latency, mark])
    return markdown(header, lines, range(3, len(header)))


def _short(isa: str) -> str:
    """Return an instruction set without what stands in every row, such as `AVX10.1 and AMX`."""
    return isa.replace("Intel ", "").split(" with bfloat16")[0]


def section(values: Mapping[str, Any]) -> str:
    """Return the section of docs/results.md for a file of results."""
    computer = machine.Machine.from_json(values["machine"])
    speeds = [ModeSpeed.from_json(each) for each in values["rows"]]
    chosen = [Chosen(**each) for each in values["chosen"]]
    rounds = len(speeds[0].images_per_s)
    return (
        f"{table(speeds, chosen)}\n\n"
        f"Images per second of the network alone in OpenVINO, on {computer.cores} cores of {computer.cpu}; medians of "
        f'{rounds} interleaved rounds. One batch at a time on all cores, or a stream a core ("in streams"). Latency: '
        "single images one after the other. A lesser instruction set is this CPU, told not to use what it has "
        f"({LIMIT}). Chosen: what `doctor` runs, and its speed as a share of the fastest mode at batch "
        f"{tuning.BATCH}."
    )


def _child(task: str, bundles: Sequence[Path], isa: str, seconds: float) -> Any:
    """Run a task in a fresh process under an instruction set, and return what it sends."""
    environment = {**os.environ, LIMIT: isa, "PYTHONPATH": str(console.CHECKOUT)}
    arguments = ["-m", "bench.cpu_modes", *map(str, bundles), "--seconds", str(seconds), "--child", task]
    ran = subprocesses.run(arguments, environment=environment, timeout=1800)
    return subprocesses.require_result(ran, f"{isa}: the process")


def _supported(isas: Sequence[str]) -> list[str]:
    """Return the limits that differ from each other on this CPU, the highest first."""
    found: dict[str, str] = {}
    for isa in isas:
        found.setdefault(_child("isa", [], isa, 0), isa)
    return list(found.values())


def _as_child(task: str, paths: Sequence[Path], seconds: float) -> None:
    bundles = [Bundle.open(path) for path in paths]
    if task == "isa":
        subprocesses.write_result(cpu_isa())
    elif task == "choose":
        subprocesses.write_result(choose(bundles, seconds))
    else:
        subprocesses.write_result([each.to_json() for each in measure_round(bundles, seconds)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.cpu_modes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", type=Path, nargs="*", help="folders of bundles with onnx/int8.onnx")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/cpu-modes.json]")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each mode [5]")
    parser.add_argument("--seconds", type=float, default=0.3, help="duration of each measurement [0.3]")
    parser.add_argument("--isa", nargs="+", default=ISAS, help=f"limits of the instruction set [{' '.join(ISAS)}]")
    parser.add_argument("--child", choices=("isa", "measure", "choose"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    def step() -> None:
        if options.child:
            _as_child(options.child, options.bundles, options.seconds)
            return
        if not options.bundles:
            raise UserError("name a bundle, such as export/bundles/wbc5-edge")
        with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
            opened = [Bundle.open(path) for path in options.bundles]
            copies = [with_float_network(each, Path(folder) / each.name).path for each in opened]
            isas, rounds = _supported(options.isa), []
            for isa in back_and_forth(isas, options.rounds):
                found = _child("measure", copies, isa, options.seconds)
                rounds.append([ModeSpeed.from_json(each) for each in found])
                say(f"{isa}: round {1 + (len(rounds) - 1) // len(isas)} of {options.rounds} measured")
            speeds = merge(rounds)
            chosen = judge([tuple(one) for isa in isas for one in _child("choose", copies, isa, 1.0)], speeds)
        found = {
            "format": FORMAT,
            "machine": machine.describe().to_json(),
            "rows": [each.to_json() for each in speeds],
            "chosen": [each.to_json() for each in chosen],
        }
        write_json(options.out or console.RESULTS / "cpu-modes.json", found)
        console.finish(found, table(speeds, chosen), as_json=False, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

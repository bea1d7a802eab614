"""How far predictions for golden samples differ between kinds of CPU, and which faults of a model they show.

    python -m bench.golden export/bundles/*

A golden sample must pass on every CPU, and fail for every model that is wrong. For each bundle and runtime, this
measures how far the predictions of the INT8 model are from those that the bundle expects, on CPUs that this one can
stand in for: `hide_cpu.c` hides instructions from a process, where the CPU and a C compiler allow that, and OpenVINO
also takes a limit from the environment variable ONEDNN_MAX_CPU_ISA. As the farthest that a CPU without any 8-bit
kernels could be, ONNX Runtime also computes the quantized layers in float. Then faults are put into the models (see
`bench.model_faults`), and those that the bundle's limits show are counted.

With `--limits`, the limits in the bundles are set by what was measured (see `edgewbc.export.golden.limits_of`), and
nothing is written to bench/results. It takes about six minutes for the five released bundles.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess  # noqa: S404
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import console, model_faults
from edgewbc.bench import machine
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import say
from edgewbc.errors import UserError, exit_code
from edgewbc.export import golden, golden_bundle
from edgewbc.runtime.deviation import Deviation
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Backend, Predictor
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.utils import subprocesses
from edgewbc.utils.files import write_json
from edgewbc.utils.optional import need
from edgewbc.utils.text import markdown

FORMAT = 1
PRECISION = "int8"
BACKENDS = (Backend.OPENVINO, Backend.ONNX)
BEFORE = {Backend.OPENVINO: 0.05, Backend.ONNX: 0.01}
"""Largest difference of a probability that was allowed before logits and features were checked."""
HIDDEN = {1: "no AMX", 2: "no VNNI", 3: "no AVX-512", 4: "AVX2", 5: "SSE4.2"}
"""What `hide_cpu.c` leaves, by its levels."""
ONEDNN = ("AVX512_CORE_VNNI", "AVX512_CORE", "AVX2")
"""Limits of OpenVINO's instruction set, as oneDNN names them."""
FLOAT = "in float"
"""The quantized layers computed in float32."""
TIMEOUT = 600


@dataclass(frozen=True)
class Spread:
    """How far a bundle's predictions are from the expected ones on one kind of CPU.

    Attributes:
        bundle: name.
        backend: runtime.
        cpu: kind of CPU.
        deviation: of the golden samples.
    """

    bundle: str
    backend: str
    cpu: str
    deviation: Deviation

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Spread:
        """Read JSON values."""
        return cls(values["bundle"], values["backend"], values["cpu"], Deviation(**values["deviation"]))


@dataclass(frozen=True)
class Shown:
    """How many faults of a kind golden samples show.

    Attributes:
        bundle: name.
        backend: runtime.
        kind: of fault.
        faults: number of faults that change an output of a golden sample at all.
        silent: number of faults that change none.
        before: number that a probability alone showed, with the limits in `BEFORE`.
        now: number that the bundle's limits show.
    """

    bundle: str
    backend: str
    kind: str
    faults: int
    silent: int
    before: int
    now: int

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def predictor(backend: str, files: Sequence[bytes]) -> Predictor:
    """Compile the files of an INT8 model for one thread."""
    if backend == Backend.ONNX:
        return ONNXRuntimePredictor(files[0], precision=PRECISION, threads=1)
    return OpenVINOPredictor(files[0], files[1], precision=PRECISION, threads=1)


@contextmanager
def computed_in_float() -> Iterator[None]:
    """Let ONNX Runtime compute quantized layers in float, as a CPU does for which a runtime has no 8-bit kernels."""
    runtime = need("onnxruntime", "running an ONNX file")
    session = runtime.InferenceSession

    def plain(model: bytes, options: Any, **others: Any) -> Any:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return session(model, options, **others)

    with patch.object(runtime, "InferenceSession", plain):
        yield


def measure(bundles: Sequence[Bundle], cpu: str, backends: Sequence[str] = BACKENDS) -> list[Spread]:
    """Measure bundles in this process, which stands in for a kind of CPU."""
    found = []
    for bundle in bundles:
        samples = GoldenSamples.from_bundle(bundle)
        for backend in backends:
            if bundle.holds(backend, PRECISION):
                ready = predictor(backend, [bundle.read(name) for name in bundle.model_files(backend, PRECISION)])
                found.append(Spread(bundle.name, backend, cpu, samples.check(ready, PRECISION).deviation))
    return found


def show_faults(bundle: Bundle, backend: str, **chosen: int) -> list[Shown]:
    """Put faults into a bundle's INT8 model, and count those that its golden samples show.

    Args:
        bundle: the bundle.
        backend: runtime.
        chosen: see `model_faults.faults`.
    """
    files = [bundle.read(name) for name in bundle.model_files(backend, PRECISION)]
    samples = GoldenSamples.from_bundle(bundle)
    whole = samples.check(predictor(backend, files), PRECISION).deviation
    model: model_faults.Layered = (
        model_faults.OnnxLayers(files[0]) if backend == Backend.ONNX else model_faults.IrLayers(files[0], files[1])
    )
    counts: dict[str, list[int]] = {}
    for fault, contents in model_faults.mutants(model, **chosen):
        check = samples.check(predictor(backend, contents), PRECISION)
        count = counts.setdefault(fault.kind.value, [0, 0, 0, 0])
        if check.deviation == whole:
            count[1] += 1
            continue
        count[0] += 1
        count[2] += check.difference > BEFORE[Backend(backend)]
        count[3] += not check.ok
    return [Shown(bundle.name, backend, kind, *count) for kind, count in counts.items()]


def spread(paths: Sequence[Path]) -> list[Spread]:
    """Measure bundles on every kind of CPU that this one can stand in for, each in a fresh process."""
    found = _child(paths, "this CPU")
    found += _child(paths, FLOAT, backend=Backend.ONNX)
    for limit in ONEDNN:
        found += _child(paths, f"ONEDNN_MAX_CPU_ISA={limit}", {"ONEDNN_MAX_CPU_ISA": limit}, Backend.OPENVINO)
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        library = _hide_cpu(Path(folder))
        for level, name in HIDDEN.items() if library else ():
            try:
                found += _child(paths, name, {"LD_PRELOAD": str(library), "EDGEWBC_HIDE_CPU": str(level)})
            except UserError as error:
                say(f"{name}: not measured: {error}")
    return found


def _hide_cpu(folder: Path) -> Path | None:
    """Compile hide_cpu.c; None where this CPU cannot trap CPUID, or there is no compiler."""
    flags, compiler = Path("/proc/cpuinfo"), shutil.which("cc")
    if compiler is None or not flags.is_file() or " cpuid_fault " not in flags.read_text():
        return None
    library = folder / "hide_cpu.so"
    source = Path(__file__).with_name("hide_cpu.c")
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source)]
    return library if subprocess.run(command, check=False).returncode == 0 else None  # noqa: S603


def _child(
    paths: Sequence[Path], cpu: str, environment: Mapping[str, str] | None = None, backend: str | None = None
) -> list[Spread]:
    """Measure bundles in a fresh process."""
    own = {**os.environ, **(environment or {}), "PYTHONPATH": str(console.CHECKOUT)}
    arguments = ["-m", "bench.golden", *map(str, paths), "--child", cpu, *(["--backend", backend] if backend else [])]
    ran = subprocesses.run(arguments, environment=own, timeout=TIMEOUT)
    return [Spread.from_json(each) for each in subprocesses.require_result(ran, f"{cpu}: the process")]


def table(rows: Sequence[Spread], faults: Sequence[Shown]) -> str:
    """Return the results as two Markdown tables."""
    header = ("bundle", "runtime", "largest on", "probability", "mean logit", "mean features")
    lines = []
    for bundle, backend in dict.fromkeys((row.bundle, row.backend) for row in rows):
        own = [row for row in rows if (row.bundle, row.backend) == (bundle, backend)]
        farthest = max(own, key=lambda row: row.deviation.mean_features)
        largest = [max(getattr(row.deviation, name) for row in own) for name in Deviation.__dataclass_fields__]
        lines.append([bundle, backend, farthest.cpu, *(f"{value:.2g}" for value in largest)])
    first = markdown(header, lines, range(3, len(header)))
    shown: dict[tuple[str, str], list[int]] = {}
    for each in faults:
        sums = shown.setdefault((each.backend, each.kind), [0, 0, 0, 0])
        for place, value in enumerate((each.faults, each.before, each.now, each.silent)):
            sums[place] += value
    titles = ("runtime", "fault", "faults", "shown before", "shown", "without effect")
    second = [[backend, kind, *map(str, sums)] for (backend, kind), sums in shown.items()]
    return f"{first}\n\n{markdown(titles, second, range(2, len(titles)))}"


def section(values: Mapping[str, Any]) -> str:
    """Return the section of docs/results.md for a file of results."""
    computer = machine.Machine.from_json(values["machine"])
    rows = [Spread.from_json(each) for each in values["rows"]]
    faults = [Shown(**each) for each in values["faults"]]
    kinds = ", ".join(dict.fromkeys(row.cpu for row in rows))
    before = ", ".join(f"{value:g} ({backend})" for backend, value in BEFORE.items())
    return (
        f"{table(rows, faults)}\n\n"
        f"Above: how far the predictions of the INT8 models for their golden samples are from those at export, the "
        f"largest over kinds of CPU that {computer.cpu} stood in for ({kinds}). `selftest` and every command that "
        "loads a model allow a multiple of that. Below: faults put into layers of these models, and how many of them "
        f"the golden samples show: before, when only probabilities were compared (within {before}), and with the "
        "bundles' limits on mean logits and mean features. Without effect: faults that change no output, such as in a "
        "channel that is never active."
    )


def set_limits(bundle: Bundle, rows: Sequence[Spread]) -> None:
    """Set the limits in a bundle by what was measured of it."""
    found: dict[str, list[Deviation]] = {
        backend: [row.deviation for row in rows if row.backend == backend and row.cpu != FLOAT] for backend in BACKENDS
    }
    in_float = next(row.deviation for row in rows if row.cpu == FLOAT)
    entry = golden.entry_of(bundle, PRECISION, found, in_float)
    golden_bundle.set_entry(bundle.path, entry)
    print(f"{bundle.path}: {entry.to_json()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.golden", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/golden.json]")
    parser.add_argument("--limits", action="store_true", help="set the limits in the bundles, and measure no faults")
    parser.add_argument("--places", type=int, default=6, help="layers of a network that get faults [6]")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--backend", choices=BACKENDS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    def step() -> None:
        bundles = [Bundle.open(path) for path in options.bundles]
        if options.child:
            backends = [options.backend] if options.backend else BACKENDS
            if options.child == FLOAT:
                with computed_in_float():
                    rows = measure(bundles, FLOAT, backends)
            else:
                rows = measure(bundles, options.child, backends)
            subprocesses.write_result([row.to_json() for row in rows])
            return
        rows = spread(options.bundles)
        if options.limits:
            for bundle in bundles:
                set_limits(bundle, [row for row in rows if row.bundle == bundle.name])
            return
        faults = []
        for bundle in bundles:
            for backend in BACKENDS:
                if bundle.holds(backend, PRECISION):
                    faults += show_faults(bundle, backend, places=options.places)
                    say(f"{bundle.name}: {backend} measured")
        found_all = {
            "format": FORMAT,
            "machine": machine.describe().to_json(),
            "rows": [row.to_json() for row in rows],
            "faults": [each.to_json() for each in faults],
        }
        write_json(options.out or console.RESULTS / "golden.json", found_all)
        console.finish(found_all, table(rows, faults), as_json=False, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

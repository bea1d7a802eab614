"""How fast the INT8 ONNX of a bundle is against ONNX Runtime's own static quantization of the same network.

    python -m bench.onnx_int8 export/bundles/wbc5-edge export/bundles/wbc5-accurate

The float network is recovered from the bundle's model: weights are dequantized, and a pair of QuantizeLinear and
DequantizeLinear becomes the Clip to the range that it represents. ONNX Runtime quantizes it as its documentation
advises for a CPU (QDQ, unsigned activations, signed weights, one scale a channel), calibrated on the bundle's golden
images. Speeds are measured in one process on one thread, in interleaved rounds. It takes two minutes a bundle and
needs a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import console
from edgewbc.bench import machine
from edgewbc.bench.interleave import back_and_forth
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import say
from edgewbc.errors import UserError, exit_code
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.runtime.throughput import run_for
from edgewbc.utils.files import write_json
from edgewbc.utils.optional import need
from edgewbc.utils.text import markdown, percent

FORMAT = 1
BATCHES = (1, 8, 32)
FLOAT, OWN, BUNDLE = "float", "onnxruntime", "bundle"
MODELS = (FLOAT, OWN, BUNDLE)


@dataclass(frozen=True)
class Speed:
    """Throughput at one batch size, the median of rounds.

    Attributes:
        batch: images at once.
        images_per_s: of each of `MODELS`.
        ratio: of the bundle's model to ONNX Runtime's own, the median of the ratios of the rounds.
        ratio_range: the lowest and the highest of these ratios.
    """

    batch: int
    images_per_s: Mapping[str, float]
    ratio: float
    ratio_range: tuple[float, float]

    @classmethod
    def of_rounds(cls, batch: int, rounds: Sequence[Mapping[str, float]]) -> Speed:
        """Summarize rounds, each with the images per second of every model."""
        ratios = sorted(each[BUNDLE] / each[OWN] for each in rounds)
        medians = {name: round(statistics.median(each[name] for each in rounds), 1) for name in MODELS}
        return cls(batch, medians, round(statistics.median(ratios), 3), (round(ratios[0], 3), round(ratios[-1], 3)))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "batch": self.batch,
            "images_per_s": dict(self.images_per_s),
            "ratio": self.ratio,
            "ratio_range": list(self.ratio_range),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Speed:
        """Read JSON values."""
        low, high = values["ratio_range"]
        return cls(values["batch"], values["images_per_s"], values["ratio"], (low, high))


@dataclass(frozen=True)
class IntegerRow:
    """The INT8 ONNX of one bundle.

    Attributes:
        bundle: name.
        model_sha256: of the ONNX file.
        integer_share: share of multiply-adds that run as integer operators, of each of `MODELS`.
        same_labels, n: golden images with the same label from the bundle's model and ONNX Runtime's own, of how many.
        speeds: one a batch size.
    """

    bundle: str
    model_sha256: str
    integer_share: Mapping[str, float | None]
    same_labels: int
    n: int
    speeds: tuple[Speed, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "bundle": self.bundle,
            "model_sha256": self.model_sha256,
            "integer_share": dict(self.integer_share),
            "same_labels": self.same_labels,
            "n": self.n,
            "speeds": [each.to_json() for each in self.speeds],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> IntegerRow:
        """Read JSON values."""
        speeds = tuple(Speed.from_json(each) for each in values["speeds"])
        same, n = values["same_labels"], values["n"]
        return cls(values["bundle"], values["model_sha256"], values["integer_share"], same, n, speeds)


def to_float(model: bytes) -> bytes:
    """Return the float network of a model with QuantizeLinear and DequantizeLinear, as an ONNX file.

    Args:
        model: contents of an ONNX file.
    """
    onnx: Any = need("onnx", "reading an ONNX file")
    proto = onnx.load_model_from_string(model)
    graph = proto.graph
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    nodes, added = [], {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            continue
        if node.op_type != "DequantizeLinear":
            nodes.append(node)
            continue
        scale = arrays[node.input[1]].astype(np.float64)
        zero = arrays[node.input[2]].astype(np.float64) if len(node.input) > 2 else np.zeros_like(scale)
        if node.input[0] in arrays:
            stored = arrays[node.input[0]]
            axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
            if scale.ndim and stored.ndim > 1:
                shape = [-1 if place == axis % stored.ndim else 1 for place in range(stored.ndim)]
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            added[node.output[0]] = ((stored - zero) * scale).astype(np.float32)
            continue
        quantize = producers[node.input[0]]
        limits = np.iinfo(arrays[quantize.input[2]].dtype)
        bounds = []
        for limit in (limits.min, limits.max):
            name = f"{node.output[0]}_{'low' if limit == limits.min else 'high'}"
            added[name] = np.float32(((limit - zero) * scale).item())
            bounds.append(name)
        nodes.append(onnx.helper.make_node("Clip", [quantize.input[0], *bounds], list(node.output)))
    del graph.node[:]
    graph.node.extend(nodes)
    taken = {name for node in nodes for name in node.input}
    kept = [each for each in graph.initializer if each.name in taken]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in added.items())
    return bytes(proto.SerializeToString())


def own_quantization(model: bytes, images: NDArray[np.uint8]) -> bytes:
    """Return ONNX Runtime's own static quantization of a float model.

    Args:
        model: contents of an ONNX file with the input `image`.
        images: for calibration, uint8 (n, height, width, 3).
    """
    need("onnxruntime", "quantizing an ONNX file")
    from onnxruntime import quantization  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    class Images(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(images)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            image = next(self.left, None)
            return None if image is None else {"image": image[None]}

    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        given, ready, done = (Path(folder) / name for name in ("float.onnx", "ready.onnx", "int8.onnx"))
        given.write_bytes(model)
        quant_pre_process(given, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            done,
            Images(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return done.read_bytes()


def measure(bundle: Bundle, *, rounds: int, seconds: float) -> IntegerRow:
    """Measure the INT8 ONNX of a bundle.

    Raises:
        UserError: the bundle has no such model.
    """
    if not bundle.holds("onnx", "int8"):
        raise UserError(f"{bundle.path}: has no INT8 model for ONNX Runtime")
    images = GoldenSamples.from_bundle(bundle).images
    ours = bundle.read(bundle.model_files("onnx", "int8")[0])
    plain = to_float(ours)
    models = {FLOAT: plain, OWN: own_quantization(plain, images), BUNDLE: ours}
    predictors = {
        name: ONNXRuntimePredictor(model, precision="f32" if name == FLOAT else "int8", threads=1)
        for name, model in models.items()
    }
    labels = {name: predictor(images).probabilities.argmax(1) for name, predictor in predictors.items()}
    speeds = []
    for batch in BATCHES:
        found: list[dict[str, float]] = [{} for _ in range(rounds)]
        for place, name in enumerate(back_and_forth(MODELS, rounds)):
            count, passed = run_for(predictors[name], images, batch, seconds)
            found[place // len(MODELS)][name] = count * batch / passed
        speeds.append(Speed.of_rounds(batch, found))
    return IntegerRow(
        bundle.name,
        bundle.model_sha256("onnx", "int8"),
        {name: in_onnxruntime(model) for name, model in models.items()},
        int((labels[BUNDLE] == labels[OWN]).sum()),
        len(images),
        tuple(speeds),
    )


def table(rows: Sequence[IntegerRow]) -> str:
    """Return the rows as a Markdown table."""
    header = ("bundle", "integer", "batch", "float", "ONNX Runtime's own INT8", "the bundle's INT8", "ratio", "range")
    lines = []
    for row in rows:
        share = row.integer_share[BUNDLE]
        for speed in row.speeds:
            low, high = speed.ratio_range
            lines.append(
                [
                    row.bundle,
                    "-" if share is None else percent(share, 0),
                    str(speed.batch),
                    *(f"{speed.images_per_s[name]:,.0f}" for name in MODELS),
                    f"{speed.ratio:.2f}",
                    f"{low:.2f}-{high:.2f}",
                ]
            )
    return markdown(header, lines, range(1, len(header)))


def section(values: Mapping[str, Any]) -> str:
    """Return the section of docs/results.md for a file of results."""
    computer = machine.Machine.from_json(values["machine"])
    rows = [IntegerRow.from_json(each) for each in values["rows"]]
    same = ", ".join(f"{row.bundle} {row.same_labels} of {row.n}" for row in rows)
    return (
        f"{table(rows)}\n\n"
        "Images per second on one thread of ONNX Runtime "
        f"({computer.cpu}, {computer.isa}; medians of interleaved rounds). Integer: share of the multiply-adds of the "
        "bundle's model that run as integer operators, read back from the graph that ONNX Runtime optimized. Ratio: "
        "the bundle's INT8 to what ONNX Runtime's own static quantization makes of the same network. Golden images "
        f"with the same label from both: {same}.{_renewed(rows)}"
    )


def _renewed(rows: Sequence[IntegerRow], bundles: Path = console.CHECKOUT / "export" / "bundles") -> str:
    """Return a sentence on bundles whose file is another one by now."""
    paths = {row.bundle: bundles / row.bundle for row in rows}
    held = {name: Bundle.open(path).model_sha256("onnx", "int8") for name, path in paths.items() if path.is_dir()}
    names = [row.bundle for row in rows if held.get(row.bundle, row.model_sha256) != row.model_sha256]
    return f" Files that were renewed after this was measured: {', '.join(names)}." if names else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.onnx_int8", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", type=Path, nargs="+", help="bundles with onnx/int8.onnx")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/onnx-int8.json]")
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each model and batch size [9]")
    parser.add_argument("--seconds", type=float, default=1.0, help="duration of each measurement [1]")
    options = parser.parse_args(arguments)

    def step() -> None:
        rows = []
        for path in options.bundles:
            rows.append(measure(Bundle.open(path), rounds=options.rounds, seconds=options.seconds))
            say(f"{rows[-1].bundle}: measured")
        found = {"format": FORMAT, "machine": machine.describe().to_json(), "rows": [row.to_json() for row in rows]}
        write_json(options.out or console.RESULTS / "onnx-int8.json", found)
        console.finish(found, table(rows), as_json=False, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

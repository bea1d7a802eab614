"""Convert a network from torch to an OpenVINO IR and to an ONNX file, each directly from the exported program.

Both graphs take `image` (uint8 NHWC RGB, any batch size) and return `probabilities` and `features`. The feature map
before pooling is not an output, but keeps the name `map`, so that it can be added as a third output for class
activation maps: `model.add_outputs("map")`.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgewbc.bundle.match import OPERATIONS
from edgewbc.errors import UserError
from edgewbc.export.model_info import describe_ir, describe_onnx
from edgewbc.nets.spec import ModelSpec, library
from edgewbc.runtime.openvino_import import core
from edgewbc.runtime.predictor import OUTPUTS
from edgewbc.utils.files import atomic_write
from edgewbc.utils.optional import need

INPUT = "image"
MAP = "map"
OPSET = 18  # the lowest that torch's exporter writes; supported by ONNX Runtime 1.14 and later
_NUMBERED = re.compile(r"([A-Z]\w*?)_\d+")
_IN_FILES = {"Constant": "Const", "Relu": "ReLU", "Softmax": "SoftMax", "PRelu": "PReLU"}
"""Types of OpenVINO's operations that have another name in its files."""
_NOISY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "torch.utils.cpp_extension")


def to_openvino(net: Any, spec: ModelSpec) -> Any:
    """Convert a network (from `nets.model.load`) to an `openvino.Model` in f32, with the names of a bundle's model."""
    ov: Any = need("openvino", "converting to OpenVINO")
    with quiet():
        model = ov.convert_model(_program(net, spec))
    kinds = {str(op.get_type_name()) for op in model.get_ordered_ops()}
    _check_operations("openvino", {_IN_FILES.get(kind, kind) for kind in kinds}, spec)
    return named(model, spec)


def named(model: Any, spec: ModelSpec) -> Any:
    """Give a converted `openvino.Model` the names and metadata of a bundle's model, in place, and return it.

    Args:
        model: model with the results probabilities, features and map, in this order.
        spec: specification of the network.
    """
    import openvino as ov

    model.reshape([-1, spec.pixels.height, spec.pixels.width, 3])
    image = model.get_parameters()[0]
    image.set_friendly_name(INPUT)
    image.output(0).get_tensor().set_names({INPUT})
    image.set_layout(ov.Layout("NHWC"))
    for result, name in zip(list(model.get_results()), (*OUTPUTS, MAP), strict=True):
        result.output(0).get_tensor().set_names({name})
        result.input_value(0).get_tensor().set_names({name})  # the tensor keeps its name when the result is removed
        if name == MAP:
            model.remove_result(result)
    model.set_friendly_name(spec.arch)
    describe_ir(model, spec)
    return model


def save_ir(model: Any, xml: Path) -> None:
    """Write an IR atomically, as `xml` and a `.bin` next to it, without compressing the weights.

    OpenVINO numbers operations in the order of conversion; they are renumbered by position, so that the same network
    gives the same bytes.

    Raises:
        RuntimeError: the file does not read back as a bundle's model (a bug).
    """
    import openvino as ov

    for number, operation in enumerate(model.get_ordered_ops()):
        if found := _NUMBERED.fullmatch(operation.get_friendly_name()):
            operation.set_friendly_name(f"{found[1]}_{number}")
    xml.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{xml.name}.", dir=xml.parent) as folder:
        written = Path(folder) / xml.name
        ov.save_model(model, written, compress_to_fp16=False)
        check_ir(written)
        for suffix in (".bin", ".xml"):
            with atomic_write(xml.with_suffix(suffix)) as temporary:
                shutil.copyfile(written.with_suffix(suffix), temporary)


def check_ir(xml: Path) -> None:
    """Raise RuntimeError unless an IR has the input, the outputs and the map of a bundle's model."""
    model = core().read_model(xml)
    names = [output.get_any_name() for output in model.outputs]
    if [i.get_any_name() for i in model.inputs] != [INPUT] or names != list(OUTPUTS):
        raise RuntimeError(f"{xml}: {model.inputs} and {model.outputs} are not a bundle's inputs and outputs")
    model.add_outputs(MAP)  # raises RuntimeError if there is no such tensor


def to_onnx(net: Any, spec: ModelSpec, path: Path) -> None:
    """Convert a network (from `nets.model.load`) to an ONNX file in f32 that contains its weights."""
    need("onnxscript", "converting to ONNX")
    torch: Any = need("torch", "converting to ONNX")
    with quiet():
        program = torch.onnx.export(
            _program(net, spec),
            input_names=[INPUT],
            output_names=[*OUTPUTS, MAP],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _check_operations("onnx", {str(node.op_type) for node in program.model_proto.graph.node}, spec)
    save_onnx(without_map(program.model_proto), spec, path)


def _check_operations(backend: str, kinds: set[str], spec: ModelSpec) -> None:
    """Check that a bundle may hold the graph of a library's network, before time is spent on quantizing it.

    Raises:
        UserError: it has an operation that a bundle may not hold.
    """
    others = sorted(kinds - OPERATIONS[backend])
    if others and library(spec.arch) is not None:
        raise UserError(
            f"{spec.arch}: its graph for {backend} has the operation {others[0]}, which a bundle may not hold: "
            "choose another network"
        )


def without_map(proto: Any) -> Any:
    """Remove the map from the outputs of an `onnx.ModelProto`, in place, keeping its name. Returns the model."""
    graph = proto.graph
    maps = next(output for output in graph.output if output.name == MAP)
    graph.value_info.append(maps)
    graph.output.remove(maps)
    return proto


def save_onnx(proto: Any, spec: ModelSpec, path: Path) -> None:
    """Write an ONNX model atomically, with the metadata of a bundle's model.

    The exporter's own metadata is removed: it contains the source line of every operation, with paths of this machine.
    The IR version is the lowest for the operator set (8 for opset 18), since older runtimes reject a newer one:
    ONNX Runtime 1.16 rejects a file of version 10, and runs the same file as version 8.

    Raises:
        RuntimeError: it is not a bundle's model (a bug).
        onnx.checker.ValidationError: it is not valid ONNX (a bug).
    """
    onnx: Any = need("onnx", "writing an ONNX file")
    graph = proto.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    proto.ClearField("doc_string")
    graph.name = spec.arch
    _name_batch(graph)
    describe_onnx(proto, spec)
    proto.ir_version = onnx.helper.find_min_ir_version_for(proto.opset_import)
    onnx.checker.check_model(proto, full_check=True)
    names = [[value.name for value in values] for values in (graph.input, graph.output)]
    if names != [[INPUT], list(OUTPUTS)] or not any(MAP in node.output for node in graph.node):
        raise RuntimeError(f"{path}: {names} are not a bundle's inputs and outputs, or there is no {MAP}")
    with atomic_write(path) as temporary:
        temporary.write_bytes(proto.SerializeToString(deterministic=True))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output, logs and warnings of the exporters, since stdout is for results. Exceptions propagate."""
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _program(net: Any, spec: ModelSpec) -> Any:
    """Return the network with its pre- and post-processing as a torch.export program for any batch size."""
    torch: Any = need("torch", "converting a network")
    from edgewbc.nets import model
    from edgewbc.nets.export_wrapper import Deployed

    plain, _ = model.fold(copy.deepcopy(net).eval(), spec)  # folds batch norm and branches into the convolutions
    deployed = Deployed(plain, spec.pixels).eval().requires_grad_(False)
    example = torch.zeros(
        2, spec.pixels.height, spec.pixels.width, 3, dtype=torch.uint8
    )  # a batch of 1 would be taken as a constant
    with quiet():
        return torch.export.export(deployed, (example,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))


def _name_batch(graph: Any) -> None:
    """Name the batch axis `batch` in place of the exporter's symbol, such as s32."""
    old = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param == old:
                size.dim_param = "batch"

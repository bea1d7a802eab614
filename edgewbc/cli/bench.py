"""`edgewbc bench`: measure models on this CPU, and compare two results."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from edgewbc.cli.options import Json

STUDIES = ", ".join(f"`python -m bench.{name}`" for name in ("poster", "edge", "widths", "peers"))


class BenchGroup(TyperGroup):
    """Says how a bundle is named: other commands take it without an option."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"{args[0]} is not a command: name a bundle or run folder with --model {args[0]}")
        return super().resolve_command(ctx, args)


app = typer.Typer(rich_markup_mode=None, cls=BenchGroup, invoke_without_command=True)


@app.callback()
def command(
    context: typer.Context,
    device: Annotated[str, typer.Option(help="Device to benchmark (only `cpu` is supported).")] = "cpu",
    model: Annotated[
        list[Path] | None,
        typer.Option(
            help="Bundle or run folder to benchmark; may be repeated. [default: newest bundle, unpruned network]"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Manifest of labeled images. [default: the newest one here, if any]")
    ] = None,
    split: Annotated[str, typer.Option(help="Split to predict: train, val or test.")] = "test",
    seconds: Annotated[float, typer.Option(min=0.01, help="Seconds of each measurement.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each row; use at least 3 to see the spread.")] = 3,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use at most N images, sampled evenly from the split.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each runtime. [default: chosen by the runtime]")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Batch size for throughput. [default: best of 1, 8 and 32]")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with code 3 unless the condition holds: speedup>=100 (delivered row), "
            "openvino/int8:accuracy_low>=98% (rows of that kind), *:accuracy>=0.99 (all rows); may be repeated."
        ),
    ] = None,
    require_accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Same as --require '*:accuracy>=N', for example 0.99.")
    ] = None,
    peaks: Annotated[
        bool, typer.Option(help="Measure the peak speed of the CPU, and the share of it that each row reaches.")
    ] = True,
    benchmark_app: Annotated[
        bool, typer.Option(help="Also run OpenVINO's benchmark_app on each OpenVINO row, if it is installed.")
    ] = True,
    baseline: Annotated[
        int | None,
        typer.Option(
            min=32, help="Also time the unpruned network (f32) at this input size in pixels, as the baseline."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the result to this HTML page.")] = None,
    suite: Annotated[str | None, typer.Option(hidden=True)] = None,
    end_to_end: Annotated[
        bool,
        typer.Option(
            "--end-to-end",
            help="Benchmark a bundle from image file to label: speed, limit, latency, startup and memory.",
        ),
    ] = False,
    images: Annotated[
        int, typer.Option(min=0, help="With --end-to-end: number of images for the memory measurement; 0 skips it.")
    ] = 2000,
    pictures: Annotated[int | None, typer.Option(min=0, hidden=True)] = None,  # the former name of --images
    as_json: Json = False,
) -> None:
    """Benchmark the speed, memory, size and accuracy of models on this CPU.

    Each row is a model with a backend (torch, ONNX Runtime or OpenVINO) and a precision (f32, bf16 or int8). It is
    measured once per round in a fresh process; speedups are relative to the baseline row of the same round.

    \b
    Example:
      edgewbc bench --device cpu --data manifests/mine --require "accuracy>=0.99" --out bench.json
    """
    if context.invoked_subcommand is not None:
        return
    if suite is not None:
        _moved(suite)
    if report is not None:
        _check_report(end_to_end)
    from edgewbc.bench import gates
    from edgewbc.bench.plan import reference_network
    from edgewbc.bench.prepare import BenchOptions
    from edgewbc.bench.runner import bench
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.evaluation.evaluate import require as require_least
    from edgewbc.report import terminal
    from edgewbc.utils.files import write_json

    if device.lower() != "cpu":
        raise UserError(f"--device {device}: only the CPU is supported; use --device cpu")
    if end_to_end:
        _end_to_end(model, data, split, limit, threads, batch, images if pictures is None else pictures, out, as_json)
        return
    conditions = [gates.parse(text) for text in require or []]
    chosen = [defaults.bundle_to_measure(path) for path in model or (None,)]
    if not model and (network := reference_network()):
        console.say(f"also: {network} (unpruned)")
        chosen.append(network)
    manifest = defaults.manifest_or_none(data)
    sizes = (batch,) if batch else BenchOptions.batches
    options = BenchOptions(split, seconds, limit, threads, sizes, rounds, peaks, benchmark_app, baseline=baseline)
    with console.restartable():
        result = bench(chosen, manifest, options, conditions=conditions, progress=console.progress, say=console.say)
    if out is not None:
        write_json(out, result.to_json())
        console.wrote(out)
    if report is not None:
        from edgewbc.report import page

        page.write(result, report, manifest)
        console.wrote(report)
    if as_json:
        console.emit(result.to_json())
    else:
        print(terminal.render(result))
    if not result.measured:
        raise UserError(f"no row could be measured: {result.failed[0].error}")
    require_least(result.lowest_accuracy, require_accuracy, result.data.protocol)
    for condition in conditions:
        for line in condition.check(result):
            console.say(line)


@app.command("compare", short_help="Compare two benchmarks: speed and predictions.")
def compare(
    first: Annotated[Path, typer.Argument(help="Earlier result of `bench --out`.")],
    second: Annotated[Path, typer.Argument(help="Later result of `bench --out`.")],
    as_json: Json = False,
) -> None:
    """Compare two results of `edgewbc bench`: which rows became faster or slower, and which predictions changed.

    A change of speed counts if it is larger than 3 % and than the noise of the rounds (99 % interval). Predictions are
    compared image by image (McNemar's test). The exit code is 3 if a row became slower or less accurate.

    \b
    Example:
      edgewbc bench compare before.json after.json
    """
    from edgewbc.bench.compare import compare as compare_results
    from edgewbc.bench.result import BenchResult
    from edgewbc.cli import console
    from edgewbc.errors import GateError
    from edgewbc.report import terminal

    result = compare_results(BenchResult.read(first), BenchResult.read(second))
    if as_json:
        console.emit(result.to_json())
    else:
        print(terminal.render_comparison(result))
    worse = result.regressions
    if worse:
        raise GateError(f"{worse[0].row}: {worse[0].verdict}" + (f" (and {len(worse) - 1} more)" * (len(worse) > 1)))


def _moved(suite: str) -> NoReturn:
    """Raise a UserError that names the command that replaces `--suite`."""
    from edgewbc.errors import UserError

    if suite not in ("poster", "edge", "widths"):
        raise UserError(f"--suite {suite}: there is no such study; in a checkout of edgewbc there are: {STUDIES}")
    raise UserError(f"--suite {suite} is now `python -m bench.{suite}`, run in a checkout of edgewbc")


def _check_report(end_to_end: bool) -> None:
    """Raise UserError, before anything is measured, if the report cannot be written."""
    from edgewbc.errors import UserError
    from edgewbc.report import page

    if end_to_end:
        raise UserError("--report cannot be combined with --end-to-end: leave out one of them")
    page.ready()


def _end_to_end(
    model: list[Path] | None,
    data: Path | None,
    split: str,
    limit: int | None,
    threads: int | None,
    batch: int | None,
    images: int,
    out: Path | None,
    as_json: bool,
) -> None:
    from edgewbc.bench.end_to_end import EndToEndOptions, measure
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.report import terminal
    from edgewbc.utils.files import write_json

    if model and len(model) > 1:
        raise UserError("--end-to-end benchmarks one bundle: give a single --model")
    bundle = Bundle.open(defaults.bundle_to_measure(model[0] if model else None))
    manifest = defaults.manifest_or_none(data)
    size = batch or EndToEndOptions.batch
    options = EndToEndOptions(split, limit, memory_images=images, threads=threads, batch=size)
    with console.restartable():
        result = measure(bundle, manifest, options, console.say)
    if out is not None:
        write_json(out, result.to_json())
        console.wrote(out)
    if as_json:
        console.emit(result.to_json())
    else:
        print(terminal.render_end_to_end(result))

"""`edgewbc bench`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def command(
    context: typer.Context,
    device: Annotated[str, typer.Option(help="Where to measure; cpu is what there is.")] = "cpu",
    model: Annotated[
        list[Path] | None,
        typer.Option(
            help="A bundle or a run folder; may be repeated. Else the newest bundle and the unpruned network."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The manifest; else the newest one here, else none.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    seconds: Annotated[float, typer.Option(min=0.01, help="Length of each measurement, in each round.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every row; three or more show the spread.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Answer so many pictures, spread over the split.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of every runtime; else its own choice.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Batch size; else the best of 1, 8 and 32.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with 3 unless it holds, such as speedup>=100 (of the row that is delivered), "
            "openvino/int8:accuracy_low>=98% (of such rows) or *:accuracy>=0.99 (of all); may be repeated."
        ),
    ] = None,
    require_accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="As --require '*:accuracy>=...', such as 0.99.")
    ] = None,
    peaks: Annotated[
        bool, typer.Option(help="Measure what the CPU can do at most, and each row's share of it.")
    ] = True,
    benchmark_app: Annotated[
        bool, typer.Option(help="Run OpenVINO's own benchmark beside each of its rows, where it is installed.")
    ] = True,
    baseline: Annotated[
        int | None,
        typer.Option(min=32, help="Time the unpruned network at this input size too (f32): what speedups are held to."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result here as JSON.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the result here as one HTML page, to read and to print.")
    ] = None,
    suite: Annotated[str | None, typer.Option(hidden=True)] = None,
    end_to_end: Annotated[
        bool, typer.Option("--end-to-end", help="A bundle from file to label: speed, its limit, start and memory.")
    ] = False,
    pictures: Annotated[
        int, typer.Option(min=0, help="With --end-to-end: measure the memory over so many; 0 leaves it out.")
    ] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Speed, memory, size and accuracy of models on this CPU: torch, ONNX Runtime and OpenVINO; f32, bf16 and int8.

    Each row has a turn in each round, in a fresh process, beside a baseline.

    \b
    Example:
      edgewbc bench --device cpu --data manifests/mine --require "accuracy>=0.99" --out bench.json
    """
    if context.invoked_subcommand is not None:
        return
    if suite is not None:
        raise typer.BadParameter(f"--suite has moved: run `python -m bench.{suite}` in a checkout of edgewbc")
    if report is not None:
        _reportable(end_to_end)
    from edgewbc.bench import gates
    from edgewbc.bench.plan import reference_network
    from edgewbc.bench.prepare import Options
    from edgewbc.bench.runner import bench
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.evaluation.evaluate import require as require_least
    from edgewbc.report import terminal
    from edgewbc.utils.files import write_json

    if device.lower() != "cpu":
        raise UserError(f"--device {device}: only the CPU is measured; use --device cpu")
    if end_to_end:
        _end_to_end(model, data, split, limit, threads, batch, pictures, out, as_json)
        return
    conditions = [gates.parse(text) for text in require or []]
    chosen = model or [defaults.bundle(None)]
    if not model and (network := reference_network()):
        console.say(f"beside it: {network} (unpruned)")
        chosen.append(network)
    manifest = defaults.manifest_or_none(data)
    sizes = (batch,) if batch else Options.batches
    options = Options(split, seconds, limit, threads, sizes, rounds, peaks, benchmark_app, baseline=baseline)
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


@app.command("compare", short_help="Two results of bench: what became slower, or answers worse.")
def compare(
    first: Annotated[Path, typer.Argument(help="What `bench --out` wrote before.")],
    second: Annotated[Path, typer.Argument(help="What it wrote after.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two results of bench, with their noise: what became faster or slower, and what answers differently.

    A change counts if it is larger than 3 % and than what the rounds differ by (99 % interval); answers are compared
    picture by picture (McNemar's test). Exit 3 if a row became slower or answers worse.

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


def _reportable(other: bool) -> None:
    """Look that a report can be made, before hours are spent for one."""
    from edgewbc.errors import UserError
    from edgewbc.report import page

    if other:
        raise UserError("--report is of a bench of rows: leave out --end-to-end")
    page.ready()


def _end_to_end(
    model: list[Path] | None,
    data: Path | None,
    split: str,
    limit: int | None,
    threads: int | None,
    batch: int | None,
    pictures: int,
    out: Path | None,
    as_json: bool,
) -> None:
    from edgewbc.bench import end_to_end, system_load
    from edgewbc.bench.machine import describe
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.utils.files import write_json

    if model and len(model) > 1:
        raise UserError("--end-to-end measures one bundle: name it with a single --model")
    bundle = Bundle.open(defaults.bundle(model[0] if model else None))
    manifest = defaults.manifest_or_none(data)
    size = batch or end_to_end.Options.batch
    options = end_to_end.Options(split, limit, pictures=pictures, threads=threads, batch=size)
    used = system_load.before()
    if used is not None and used > system_load.BUSY:
        console.say(system_load.warning(used))
    result = {
        "machine": describe().to_json() | {"load_before": used},
        **end_to_end.measure(bundle, manifest, options, console.say),
    }
    if out is not None:
        write_json(out, result)
        console.wrote(out)
    if as_json:
        console.emit(result)
    else:
        print(end_to_end.render(result))

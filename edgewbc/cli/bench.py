"""`edgewbc bench`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    device: Annotated[str, typer.Option(help="Where to measure; cpu is what there is.")] = "cpu",
    model: Annotated[
        list[Path] | None,
        typer.Option(
            help="A bundle or a run folder; may be repeated. Else the newest bundle and the unpruned network."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The manifest; else the newest one here, else none.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    seconds: Annotated[float, typer.Option(min=0.01, help="Length of each measurement.")] = 3.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Answer so many pictures, spread over the split.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of every runtime; else its own choice.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Batch size; else the best of 1, 8 and 32.")] = None,
    require_accuracy: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit with 3 if a row is below this share, such as 0.99.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result here as JSON.")] = None,
    suite: Annotated[
        str | None, typer.Option(help="poster: train and test the poster's claims (hours); resumes what was begun.")
    ] = None,
    work: Annotated[Path | None, typer.Option(help="With --suite: folder for what it trains.")] = None,
    end_to_end: Annotated[
        bool, typer.Option("--end-to-end", help="A bundle from file to label: speed, its limit, start and memory.")
    ] = False,
    pictures: Annotated[
        int, typer.Option(min=0, help="With --end-to-end: measure the memory over so many; 0 leaves it out.")
    ] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Speed, memory, size and accuracy of models on this CPU: torch, ONNX Runtime and OpenVINO; f32, bf16 and int8.

    Each row is measured in a process of its own, one after the other, beside a baseline.

    \b
    Example:
      edgewbc bench --device cpu --data manifests/mine --out bench.json
    """
    if suite is not None:
        _suite(suite, data, work, out, as_json)
        return
    from edgewbc.bench import table
    from edgewbc.bench.machine import describe
    from edgewbc.bench.plan import reference_network
    from edgewbc.bench.prepare import Options
    from edgewbc.bench.runner import bench, lowest
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.evaluate import require
    from edgewbc.files import write_json

    if device.lower() != "cpu":
        raise UserError(f"--device {device}: only the CPU is measured; use --device cpu")
    if end_to_end:
        _end_to_end(model, data, split, limit, threads, batch, pictures, out, as_json)
        return
    chosen = model or [defaults.bundle(None)]
    if not model and (network := reference_network()):
        console.say(f"beside it: {network} (unpruned)")
        chosen.append(network)
    manifest = defaults.manifest_or_none(data)
    machine = describe()
    if machine["load_1m"] is not None and machine["load_1m"] > machine["cores"] / 2:
        console.say(f"this machine is busy (load {machine['load_1m']}): the speeds will be too low, and unsteady")
    console.say("decoding and resizing the pictures, and converting what must be, before anything is timed")
    options = Options(split, seconds, limit, threads, (batch,) if batch else Options.batches)
    result = {"machine": machine, **bench(chosen, manifest, options, progress=console.progress)}
    if out is not None:
        write_json(out, result)
    if as_json:
        console.emit(result)
    else:
        print(table.render(result))
    if all(row.get("error") for row in result["rows"]):
        raise UserError(f"no row could be measured: {result['rows'][0]['error']}")
    require(lowest(result["rows"]), require_accuracy)


def _suite(name: str, data: Path | None, work: Path | None, out: Path | None, as_json: bool) -> None:
    from edgewbc.cli import console, defaults
    from edgewbc.cli.watch import Watch
    from edgewbc.errors import UserError
    from edgewbc.extras import need

    if name != "poster":
        raise UserError(f"--suite {name}: the suites are: poster")
    for module in ("torch", "accelerate", "pydantic", "yaml", "safetensors", "onnx"):
        need(module, "edgewbc bench --suite poster")
    from edgewbc.bench import poster
    from edgewbc.report import poster as tables
    from edgewbc.report import readme

    seen = Watch()
    told = poster.Watch(console.say, seen.progress, seen.report)
    results = poster.run(
        defaults.originals(data), work or Path("runs/poster"), out or defaults.results("poster.json"), watch=told
    )
    if out is None and readme.of_checkout():
        readme.draw(Path("bench/results"))
        readme.rewrite(Path("README.md"), Path("bench/results"))
    if as_json:
        console.emit(results)
    else:
        print(tables.text(results))


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
    from edgewbc.bench import end_to_end
    from edgewbc.bench.machine import describe
    from edgewbc.bundle import Bundle
    from edgewbc.cli import console, defaults
    from edgewbc.errors import UserError
    from edgewbc.files import write_json

    if model and len(model) > 1:
        raise UserError("--end-to-end measures one bundle: name it with a single --model")
    bundle = Bundle.open(defaults.bundle(model[0] if model else None))
    manifest = defaults.manifest_or_none(data)
    options = end_to_end.Options(split, limit, pictures=pictures, threads=threads, batch=batch or 8)
    machine = describe()
    if machine["load_1m"] is not None and machine["load_1m"] > machine["cores"] / 2:
        console.say(f"this machine is busy (load {machine['load_1m']}): the speeds will be too low, and unsteady")
    result = {"machine": machine, **end_to_end.measure(bundle, manifest, options, console.say)}
    if out is not None:
        write_json(out, result)
    if as_json:
        console.emit(result)
    else:
        print(end_to_end.render(result))

"""`edgewbc eval`: measure the accuracy of a model on a labeled split."""

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.options import Json


def command(
    model: Annotated[
        Path | None, typer.Argument(help="Bundle (folder or zip) or run folder. [default: the newest bundle]")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Manifest of labeled images. [default: the newest one here]")
    ] = None,
    split: Annotated[str, typer.Option(help="Split to evaluate: train, val or test.")] = "test",
    precision: Annotated[str | None, typer.Option(help="int8, f32 or bf16. [default: the model's]")] = None,
    backend: Annotated[str | None, typer.Option(help="openvino, onnx or torch. [default: the model's]")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images per inference call.")] = 32,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Inference threads. [default: chosen by the runtime]")
    ] = None,
    require_accuracy: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit with code 3 if the accuracy is below this share, such as 0.99."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file.")] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the confusion matrix to this PNG file.")] = None,
    as_json: Json = False,
) -> None:
    """Measure the accuracy of a model on a split of a manifest.

    Reports the number of images, how many are classified correctly, the Wilson 95 % interval, recall by class, the
    confusion matrix and the Brier score.

    \b
    Example:
      edgewbc eval bundles/mine --data manifests/mine --split test --precision int8
    """
    from edgewbc.cli import console, defaults
    from edgewbc.data.manifest import SYNTHETIC
    from edgewbc.evaluation import text
    from edgewbc.evaluation.evaluate import evaluate, require
    from edgewbc.utils.files import write_json
    from edgewbc.utils.optional import need

    if png is not None:
        need("matplotlib", "--png")
    chosen = defaults.bundle_to_measure(model)
    manifest = defaults.manifest(data)
    result = evaluate(
        chosen,
        manifest,
        split,
        precision=precision,
        backend=backend,
        batch=batch,
        threads=threads,
        progress=console.progress,
        say=console.say,
    )
    values = result.to_json()
    if result.source == SYNTHETIC:
        console.say("these images are synthetic: the accuracy says nothing about real cells")
    if out is not None:
        write_json(out, values)
        console.wrote(out)
    if png is not None:
        from edgewbc.report.confusion import draw

        draw(result, png)
        console.wrote(png)
    for line in text.remarks(result):
        console.say(line)
    if as_json:
        console.emit(values)
    else:
        print(text.headline(result), text.probability_scores(result), sep="\n", end="\n\n")
        print(text.class_table(result), text.confusion_table(result), sep="\n\n")
    require(result.accuracy, require_accuracy, result.protocol)

"""Networks of timm through the whole chain, by one recipe: `python -m bench.networks --data MANIFEST`.

Each network is trained from random weights on the train split, quantized, and exported as a bundle; speed, size and the
accuracy on the test split are measured at the end, in one benchmark. Every choice is made on validation. Pretrained
weights would do better, of the larger networks above all; the study compares the chain, and networks at equal terms.
An interrupted study is resumed by the same command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import console
from bench.stages import StageReporter, minutes, train
from edgewbc import runs
from edgewbc.bench import runner
from edgewbc.bench.prepare import BenchOptions
from edgewbc.bench.result import BenchResult
from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import progress
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code
from edgewbc.metrics import Accuracy
from edgewbc.utils.files import read_json, write_json
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import figure, interval, markdown, percent

FORMAT = 1
NETWORKS = {
    "resnet18": "timm:resnet18",
    "mobilenetv3-small": "timm:mobilenetv3_small_100",
    "efficientnet-lite0": "timm:efficientnet_lite0",
    "convnext-atto": "timm:convnext_atto",
    "vit-tiny": "timm:vit_tiny_patch16_224",
    "edgenet": "edgenet",
}
"""Architecture of each network; edgenet, this project's own, is trained by the same recipe for comparison."""
TIMED = (("openvino", "f32"), ("openvino", "int8"), ("onnx", "int8"))


@dataclass(frozen=True)
class Settings:
    """What all networks share.

    Attributes:
        side: height and width of the input, pixels.
        epochs: of the training.
        lr: highest learning rate.
        batch: images per step.
        crop: side of the central square of an image that the network sees, pixels.
        seed: of weights, order and augmentation.
    """

    side: int = 64
    epochs: int = 5
    lr: float = 1e-3
    batch: int = 32
    crop: int = 250
    seed: int = 0

    def recipe(self, arch: str) -> Any:
        """Return the `train.recipe.TrainRecipe` of an architecture."""
        from edgewbc.train.recipe import TrainRecipe

        size = {"height": self.side, "width": self.side, "crop": "centre", "size": self.crop}
        return TrainRecipe.model_validate(
            {
                "name": "networks",
                "weights": "none",
                "model": {"arch": arch, "input": size},
                "fit": {
                    "epochs": self.epochs, "lr": self.lr, "batch": self.batch, "seed": self.seed, "warmup": 0.5,
                    "weight_decay": 0.02, "precision": "f32", "workers": 1,
                },
            }
        )  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """One network of the study.

    Attributes:
        arch: its architecture.
        parameters: their number, with batch norm as it is trained.
        macs: multiply-adds of one image.
        minutes: of training.
        validation: accuracy of OpenVINO's files by precision.
        parity: largest difference of a probability in f32 between torch, OpenVINO and ONNX Runtime.
        int8_share: share of the multiply-adds that ONNX Runtime runs as integer operators.
    """

    arch: str
    parameters: int
    macs: int
    minutes: float
    validation: dict[str, Accuracy]
    parity: float
    int8_share: float

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        accuracies = {precision: found.to_json() for precision, found in self.validation.items()}
        return {**vars(self), "validation": accuracies}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Trained:
        """Read what `to_json` returned."""
        found = {key: Accuracy(each["n"], each["correct"]) for key, each in values["validation"].items()}
        return cls(**{**values, "validation": found})


def one(name: str, arch: str, settings: Settings, manifest: Manifest, work: Path, reporter: StageReporter) -> Trained:
    """Train, quantize and export a network, or what of it is not done, and return what was measured on validation.

    The bundle is `work`/NAME-bundle.
    """
    from edgewbc.compress.quantize import quantize
    from edgewbc.export.export import export
    from edgewbc.nets import model

    run = train(work / name, settings.recipe(arch), manifest, reporter)
    quantized = work / f"{name}-int8"
    if not (quantized / runs.LINEAGE).exists():
        reporter.say(f"{name}: quantizing")
        quantize(run, manifest, to=quantized)
    bundle = work / f"{name}-bundle"
    if not bundle.exists():
        reporter.say(f"{name}: exporting")
        export(quantized, to=bundle, manifest=manifest, precisions=("int8", "f32"), name=name)
    net, spec = model.load(run)
    said = Bundle.open(bundle).manifest.to_json()
    rows = {row["precision"]: row for row in said["evidence"] if row["backend"] == "openvino"}
    return Trained(
        arch=arch,
        parameters=model.count(net),
        macs=model.macs(spec),
        minutes=minutes(run),
        validation={precision: Accuracy(row["n"], row["correct"]) for precision, row in rows.items()},
        parity=max(pair["largest_difference"] for pair in said["parity"]["f32"]),
        int8_share=said["int8_share"]["onnx"],
    )


def run(
    manifest: Manifest, settings: Settings, work: Path, out: Path, names: Sequence[str] = tuple(NETWORKS), *,
    reporter: StageReporter, timed: BenchOptions | None = None, benchmark: bool = True, progress: Progress = quiet,
) -> dict[str, Any]:  # fmt: skip
    """Run the study, and write the results after each network and at the end.

    Args:
        manifest: labeled images, with train, val and test.
        settings: of the trainings.
        work: folder for runs and bundles.
        out: file of results; networks in it are kept if it is of the same manifest and settings.
        names: of `NETWORKS`.
        reporter: receives messages.
        timed: how to benchmark; its split is read once, after everything else.
        benchmark: whether to benchmark, which needs a quiet machine.
        progress: shows the measurements of the benchmark.

    Raises:
        UserError: the results are of another manifest or other settings, or a step fails.
    """
    about = {"manifest_sha256": manifest.sha256, "protocol": str(manifest.protocol),
             "source": manifest.provenance.source, "settings": vars(settings)}  # fmt: skip
    results: dict[str, Any] = {"format": FORMAT, **about, "networks": {}}
    if out.is_file():
        results = dict(read_json(out, "results of `python -m bench.networks`"))
        if any(results.get(key) != value for key, value in about.items()):
            raise UserError(f"{out}: contains results of another manifest or other settings: use another --out")
    work.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name not in results["networks"]:
            found = one(name, NETWORKS[name], settings, manifest, work, reporter)
            results["networks"][name] = found.to_json()
            results.pop("bench", None)
            write_json(out, results)
            reporter.say(f"{name}: {percent(found.validation['int8'].accuracy)} of validation in int8")
    if benchmark and "bench" not in results:
        bundles = [work / f"{name}-bundle" for name in results["networks"]]
        how = timed or BenchOptions(peaks=False, benchmark_app=False, rows=TIMED, threads=1)
        results["bench"] = runner.bench(bundles, manifest, how, progress=progress, say=reporter.say).to_json()
        write_json(out, results)
    return results


def table(values: Mapping[str, Any]) -> str:
    """Return the results as Markdown: a row for each network and precision of OpenVINO."""
    bench = BenchResult.from_json(values["bench"])
    settings = values["settings"]
    header = (
        "network", "precision", "parameters, million", "GMAC", "training, min", "validation", "test", "95 % interval",
        "img/s", "p50 ms", "MB", "parity", "ONNX Runtime in int8: test, img/s, integer share",
    )  # fmt: skip
    rows = {(row.model, row.backend, row.precision): row for row in bench.measured}
    lines = []
    for name, found in values["networks"].items():
        its = Trained.from_json(found)
        for precision in ("f32", "int8"):
            row = rows.get((name, "openvino", precision))
            if row is None:
                continue
            onnx = rows.get((name, "onnx", "int8")) if precision == "int8" else None
            beside = "-"
            if onnx is not None and onnx.scores is not None:
                share = percent(its.int8_share, 0)
                beside = f"{percent(onnx.scores.accuracy)}, {figure(onnx.timing.images_per_s)}, {share}"
            scores = row.scores
            lines.append([
                f"{name} (`{its.arch}`)", precision, f"{its.parameters / 1e6:.2f}", f"{its.macs / 1e9:.3g}",
                f"{its.minutes:.1f}", percent(its.validation[precision].accuracy),
                "-" if scores is None else f"{percent(scores.accuracy)} ({scores.correct} of {scores.n})",
                "-" if scores is None else interval(scores.interval), figure(row.timing.images_per_s),
                figure(row.timing.latency_ms.p50), figure(row.timing.size_mb),
                f"{its.parity:.1e}" if precision == "f32" else "-", beside,
            ])  # fmt: skip
    machine, how = bench.machine, bench.protocol
    threads = "the runtime's own number of threads" if how.threads is None else f"threads: {how.threads}"
    return (
        f"{markdown(header, lines, range(2, len(header)))}\n\n"
        f"Each network was trained from random weights by one recipe: {settings['epochs']} epochs, input "
        f"{settings['side']} x {settings['side']}, AdamW at {settings['lr']:g}, labels alone, seed {settings['seed']}. "
        "Nothing was tuned for any of them. So few epochs favor networks that learn fast from little, and transformers "
        "least: weights pretrained on ImageNet (`weights: imagenet`, a download) will do better, and so will more "
        "epochs and distillation. Parity is the largest difference of a probability between torch, OpenVINO and ONNX "
        f"Runtime in f32, on validation images. OpenVINO unless stated otherwise, on {machine.cpu}, {threads}, "
        f"{how.rounds} interleaved rounds of {how.seconds:g} s, medians. Accuracy: {values['source']}, protocol "
        f"`{values['protocol']}`, manifest `{values['manifest_sha256'][:12]}`."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.networks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="MANIFEST", help="labeled images")
    parser.add_argument("--work", type=Path, default=Path("runs/networks"), help="folder for runs [runs/networks]")
    parser.add_argument("--out", type=Path, help="JSON file of results [bench/results/networks.json]")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="names, by commas [all]")
    parser.add_argument("--epochs", type=int, default=Settings.epochs, help=f"of training [{Settings.epochs}]")
    parser.add_argument("--side", type=int, default=Settings.side, help=f"of the input, pixels [{Settings.side}]")
    parser.add_argument("--no-bench", action="store_true", help="train and export only: the benchmark needs a quiet PC")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(arguments)
    names = [name for name in options.networks.split(",") if name]
    if unknown := [name for name in names if name not in NETWORKS]:
        parser.error(f"--networks {unknown[0]}: one of {', '.join(NETWORKS)}")

    def step() -> None:
        console.need_training_side("python -m bench.networks")
        out = options.out or console.RESULTS / "networks.json"
        settings = Settings(side=options.side, epochs=options.epochs)
        results = run(
            Manifest.read(options.data), settings, options.work, out, names,
            reporter=console.stage_reporter(), benchmark=not options.no_bench, progress=progress,
        )  # fmt: skip
        if "bench" not in results:
            return
        console.finish(results, table(results), as_json=options.json, committed=options.out is None)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

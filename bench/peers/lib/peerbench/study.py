"""The comparison: crop the images, prepare all peers, measure all rows in rounds, and return the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.bench import machine, plan, resource_use, summary
from edgewbc.bench.prepare import int8_share
from edgewbc.bench.runner import ORDER
from edgewbc.bench.worker import RowJob
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.images import truth
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import UserError
from edgewbc.evaluation.load import convert
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.runtime.predictor import Backend
from edgewbc.utils.optional import installed_versions
from edgewbc.utils.progress import Progress, quiet
from peerbench import about, catalog, crops, environment
from peerbench.catalog import Variant
from peerbench.preparation import PreparationSettings, prepare
from peerbench.rounds import MeasureJob, PeerRow, execute_peer, execute_toolkit, run_rounds
from peerbench.rows import rows

FORMAT = 1

ONNX = ("onnx", "int8")
"""The further row of a bundle: its own int8 file in ONNX Runtime, beside what other toolkits make for it."""

PREPARED = ("input", "network", "arch", "gmac", "int8_share", "facts", "minutes", "prepared_s", "env_mb", "version")


@dataclass(frozen=True)
class CompareOptions:
    """How to compare.

    Attributes:
        split: the split to predict.
        rounds: number of measurements of every row.
        seconds: duration of each measurement, in each round.
        threads: of every runtime.
        batches: batch sizes to try for throughput.
        minutes: duration of training, for a peer that trains its own network.
        sizes: input sizes of such networks in pixels.
        calibration: number of train images for the calibration of int8.
        limit: use at most this many images of each split; for trials only.
        seed: of training and calibration.
    """

    split: str = "test"
    rounds: int = 3
    seconds: float = 3.0
    threads: int = 1
    batches: tuple[int, ...] = (1, 8, 32)
    minutes: float = 20.0
    sizes: tuple[int, ...] = (112,)
    calibration: int = 300
    limit: int | None = None
    seed: int = 0


def compare(
    bundles: Sequence[Path],
    networks: Sequence[Path],
    manifest: Manifest,
    work: Path,
    options: CompareOptions,
    *,
    only: Sequence[str] = (),
    prepare_only: bool = False,
    home: Path = catalog.HOME,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Prepare all peers, measure them and edgewbc in interleaved rounds, and return all rows.

    Args:
        bundles: of edgewbc; the first is what the peers are compared with.
        networks: run folders whose networks edgewbc (OpenVINO in f32) and the peers both run.
        manifest: the labeled images.
        work: folder for images, environments and preparations, which are reused by later runs.
        options: how to compare.
        only: names of the peers to compare; empty compares all.
        prepare_only: do not measure; the `error` of each row says that it is ready, or why not.
        home: folder of the peers.
        progress: shows the number of finished measurements.
        say: receives messages.

    Returns:
        format, finished, machine, data, protocol and rows (see `rows.rows`), ours first.

    Raises:
        UserError: a path is not a bundle or run, the split is empty, an image has changed, a model does not know a
            label, or a network crops the images differently from the bundle.
    """
    chosen = catalog.peers(home, only)
    models = [about.model(path, "bundle") for path in bundles] + [about.model(path, "run folder") for path in networks]
    first = models[0]
    for model in models[1:]:
        if about.crop(model.pixels) != about.crop(first.pixels):
            raise UserError(f"{model.path}: crops images differently from {first.path}: they cannot be compared")
    for model in models:
        truth(manifest, manifest.split(options.split), model.classes)
    say("cropping the images for all peers")
    cropped = crops.crop_images(manifest, first.pixels, work / "pictures", options.limit, progress)
    entries = cropped.entries[options.split]
    maker = _RowMaker(manifest, cropped, work, options)
    measured = [maker.own(model, *(("openvino", "f32") if model.is_run else model.delivered)) for model in models]
    measured += [maker.own(model, "onnx", "int8") for model in models if not model.is_run and ONNX in model.rows]
    for peer in chosen:
        say(f"{peer.name}: preparing its environment")
        where = environment.make(peer, work / "env" / peer.name)
        for variant in catalog.variants(peer, first.path, networks, options.sizes):
            say(f"{variant.name}: training and conversion, unless done before")
            measured += maker.peer(variant, where, first)
    load = None if prepare_only else resource_use.system_load()
    if load is not None and load > resource_use.BUSY:
        say(resource_use.busy_warning(load))
    job = MeasureJob("latency", options.seconds, options.batches, options.threads)
    if prepare_only:
        for row in measured:
            row.error = row.error or "it is ready"
    else:
        run_rounds(measured, options.rounds, job, progress)
    return {
        "format": FORMAT,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe().to_json(),
        "data": {
            **facts(manifest, options.split).to_json(),
            "n": len(entries),
            "of": len(manifest.split(options.split)),
            "crop": dict(zip(("crop", "size", "scale"), about.crop(first.pixels), strict=True)),
        },
        "protocol": _protocol(options, load, measured),
        "rows": rows(measured, manifest, entries),
    }


class _RowMaker:
    """Prepares the rows to measure."""

    def __init__(self, manifest: Manifest, cropped: crops.CroppedImages, work: Path, options: CompareOptions) -> None:
        self.manifest, self.cropped, self.work, self.options = manifest, cropped, work, options
        self.gmac: dict[str, float | None] = {}
        self.count = 0

    def own(self, model: plan.BenchModel, backend: str, precision: str) -> PeerRow:
        """Return edgewbc's row of a bundle or run."""
        images = crops.write_raw(self.manifest, self.cropped, self.options.split, model.pixels, self.work / "inputs")
        network = about.network(model)
        converted = self.work / "converted" / f"{model.name}-{network[:12]}" if model.is_run else None
        if converted is not None and not (converted / "f32.xml").is_file():
            convert(model.path, converted, Backend.OPENVINO)
        self.gmac[network] = about.gmac(model, converted)
        job = RowJob(
            model=str(model.path),
            backend=backend,
            precision=precision,
            images=str(images.file),
            n=images.n,
            height=images.height,
            width=images.width,
            seconds=self.options.seconds,
            converted=None if converted is None else str(converted),
        )
        row_facts = {
            "ours": True,
            "peer": "edgewbc",
            "package": "edgewbc",
            "license": "Apache-2.0",
            "what": _what(model, backend),
            "model": model.name,
            "backend": backend,
            "precision": precision,
            **dict.fromkeys(PREPARED),
            "input": [images.height, images.width],
            "network": network,
            "arch": about.arch(model),
            "gmac": self.gmac[network],
            "int8_share": int8_share(model, backend) if precision == "int8" else None,
            "minutes": about.minutes(model.path) if model.is_run else None,
            "version": installed_versions("edgewbc").get("edgewbc"),
        }
        return PeerRow(row_facts, model.classes, execute_toolkit(job), self._predictions_file())

    def peer(self, variant: Variant, where: environment.Environment, bundle: plan.BenchModel) -> list[PeerRow]:
        """Prepare a peer and return its rows."""
        peer, options = variant.peer, self.options
        settings = PreparationSettings(
            images=self.cropped.folder,
            images_sha256=self.cropped.sha256,
            split=options.split,
            classes=bundle.classes,
            bundle=bundle.path,
            minutes=options.minutes,
            threads=options.threads,
            calibration=options.calibration,
            seed=options.seed,
        )
        folder = self.work / "prepared" / variant.name
        prepared = prepare(variant, settings, where, folder, self._inputs(variant))
        measured = []
        for key, row in peer.rows.items():
            mine: dict[str, Any] = {
                "inputs": prepared.get("inputs"),
                **prepared.get("rows", {}).get(key, {}),
                "key": key,
            }
            network = mine.get("network")
            gmac = self.gmac.get(network) if network else about.gmac_of_row(mine)
            row_facts = {
                "ours": False,
                "peer": peer.name,
                "package": peer.package,
                "license": peer.license,
                "what": row.get("what", peer.what),
                "model": variant.model,
                "backend": row["backend"],
                "precision": mine.get("precision", row["precision"]),
                **dict.fromkeys(PREPARED),
                **{name: mine.get(name) for name in ("input", "network")},
                **{name: prepared.get(name) for name in ("facts", "minutes", "version")},
                "gmac": gmac,
                "int8_share": _share(row["backend"], mine),
                "prepared_s": prepared.get("seconds"),
                "env_mb": where.mb,
            }
            one = PeerRow(
                row_facts,
                tuple(prepared.get("classes", bundle.classes)),
                execute_peer(where.python, peer.folder / "measure.py", folder, mine),
                self._predictions_file(),
            )
            one.error = prepared.get("error") or mine.get("error")
            measured.append(one)
        return measured

    def _inputs(self, variant: Variant) -> dict[str, Any]:
        """Write the inputs of a network of edgewbc that a peer runs, and calibration images for a run."""
        if variant.source is None:
            return {}
        run, folder, options = runs.is_run(variant.source), self.work / "inputs", self.options
        spec = runs.spec(variant.source).pixels if run else Bundle.open(variant.source).pixels
        found = {"inputs": crops.write_raw(self.manifest, self.cropped, options.split, spec, folder).to_json()}
        if run:
            calibration = crops.write_calibration(
                self.manifest, self.cropped, spec, options.calibration, options.seed, folder
            )
            found["calibration_inputs"] = calibration.to_json()
        return found

    def _predictions_file(self) -> Path:
        self.count += 1
        folder = self.work / "predictions"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.count:03d}.npy"


def _what(model: plan.BenchModel, backend: str) -> str:
    """Describe a row of edgewbc in a few words."""
    if model.is_run:
        return "a run's network in f32"
    return "the bundle's ONNX file in ONNX Runtime" if backend == "onnx" else "the bundle as a lab runs it"


def _share(backend: str, row: dict[str, Any]) -> float | None:
    """Return the share of the multiply-adds that ONNX Runtime runs in int8, of the ONNX file that a peer wrote."""
    return in_onnxruntime(Path(row["onnx"]).read_bytes()) if backend == "onnx" and row.get("onnx") else None


def _protocol(options: CompareOptions, load: float | None, measured: Sequence[PeerRow]) -> dict[str, Any]:
    during = [result.others for row in measured for result in (*row.latency, *row.throughput)]
    known = [share for share in during if share is not None]
    return {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()},
        "order": ORDER,
        "timed": "the network alone: images are decoded and prepared before, by each toolkit in its own way",
        "wide": summary.WIDE,
        "load_before": load,
        "load_during_most": max(known, default=None),
        "busy": resource_use.BUSY,
    }

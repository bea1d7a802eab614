"""The whole comparison: pictures, environments, preparations, turns, and one file of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.bench import machine, plan, resource_use, summary
from edgewbc.bench.worker import RowJob
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.images import truth
from edgewbc.data.manifest import Manifest, facts
from edgewbc.errors import UserError
from edgewbc.evaluation.load import convert
from edgewbc.utils.progress import Progress, quiet
from peerbench import about, catalogue, drawing, environment
from peerbench.catalogue import Variant
from peerbench.preparation import Order, prepare
from peerbench.rows import rows
from peerbench.turns import Runner, Turn, of_peer, of_toolkit, take

FORMAT = 1

PREPARED = ("input", "network", "arch", "gmac", "facts", "minutes", "prepared_s", "env_mb", "version")


@dataclass(frozen=True)
class Options:
    """How to compare.

    Attributes:
        split: that is answered.
        rounds: how often every row has its turn.
        seconds: length of each measurement, in each round.
        threads: of every runtime.
        batches: sizes to try for the most pictures a second.
        minutes: of training, for a peer that trains its own network.
        sizes: sides in pixels of the inputs of such networks.
        calibration: train pictures for the calibration of int8.
        limit: at most so many pictures of each split: to try the chain, not to report.
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
    options: Options,
    *,
    only: Sequence[str] = (),
    prepare_only: bool = False,
    home: Path = catalogue.HOME,
    progress: Progress = quiet,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Prepare all peers, measure them and the toolkit in turns, and put the rows beside each other.

    Args:
        bundles: ours; the first is what the peers are compared with.
        networks: run folders whose networks both sides run; the toolkit's row is OpenVINO's in f32.
        work: folder for pictures, environments and preparations; what is finished there is not done again.
        only: peers to take; empty takes all.
        prepare_only: measure nothing; each row's `error` says that it is ready, or why not.
        home: folder of the peers.

    Returns:
        format, finished, machine, data, protocol and rows (see `rows.rows`), ours first.

    Raises:
        UserError: not a bundle or run, an empty split, a picture that changed, a label that a model does not know, or
            a network that sees another part of the pictures than the bundle.
    """
    chosen = catalogue.peers(home, only)
    models = [about.model(path, "bundle") for path in bundles] + [about.model(path, "run folder") for path in networks]
    first = models[0]
    for model in models[1:]:
        if about.crop(model.pixels) != about.crop(first.pixels):
            raise UserError(f"{model.path}: sees another part of a picture than {first.path}: they cannot be compared")
    for model in models:
        truth(manifest, manifest.split(options.split), model.classes)
    say("drawing the pictures that all peers are to see")
    drawn = drawing.draw(manifest, first.pixels, work / "pictures", options.limit, progress)
    entries = drawn.entries[options.split]
    bench = _Bench(manifest, drawn, work, options)
    runners = [bench.own(model) for model in models]
    for peer in chosen:
        say(f"{peer.name}: its environment")
        where = environment.make(peer, work / "env" / peer.name)
        for variant in catalogue.variants(peer, first.path, networks, options.sizes):
            say(f"{variant.name}: what it needs (training, conversion), if it was not made before")
            runners += bench.peer(variant, where, first)
    load = None if prepare_only else resource_use.system_load()
    if load is not None and load > resource_use.BUSY:
        say(resource_use.busy_warning(load))
    turn = Turn("latency", options.seconds, options.batches, options.threads)
    if prepare_only:
        for runner in runners:
            runner.error = runner.error or "it is ready"
    else:
        take(runners, options.rounds, turn, progress)
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
        "protocol": _protocol(options, load, runners),
        "rows": rows(runners, manifest, entries),
    }


class _Bench:
    """Makes what has turns."""

    def __init__(self, manifest: Manifest, drawn: drawing.Drawn, work: Path, options: Options) -> None:
        self.manifest, self.drawn, self.work, self.options = manifest, drawn, work, options
        self.gmac: dict[str, float | None] = {}
        self.count = 0

    def own(self, model: plan.BenchModel) -> Runner:
        """The toolkit's row of a bundle (as a lab would run it) or of a run (OpenVINO in f32)."""
        backend, precision = ("openvino", "f32") if model.is_run else model.delivered
        pictures = drawing.raw(self.manifest, self.drawn, self.options.split, model.pixels, self.work / "inputs")
        network = about.network(model)
        converted = self.work / "converted" / f"{model.name}-{network[:12]}" if model.is_run else None
        if converted is not None and not (converted / "f32.xml").is_file():
            convert(model.path, converted, "openvino")
        self.gmac[network] = about.gmac(model, converted)
        job = RowJob(
            model=str(model.path),
            backend=backend,
            precision=precision,
            images=str(pictures.file),
            n=pictures.n,
            height=pictures.height,
            width=pictures.width,
            seconds=self.options.seconds,
            converted=None if converted is None else str(converted),
        )
        told = {
            "ours": True,
            "peer": "edgewbc",
            "package": "edgewbc",
            "licence": "Apache-2.0",
            "what": "a run's network in f32" if model.is_run else "the bundle as a lab runs it",
            "model": model.name,
            "backend": backend,
            "precision": precision,
            **dict.fromkeys(PREPARED),
            "input": [pictures.height, pictures.width],
            "network": network,
            "arch": about.arch(model),
            "gmac": self.gmac[network],
            "minutes": about.minutes(model.path) if model.is_run else None,
            "version": runs.versions("edgewbc").get("edgewbc"),
        }
        return Runner(told, model.classes, of_toolkit(job), self._answers())

    def peer(self, variant: Variant, where: environment.Environment, bundle: plan.BenchModel) -> list[Runner]:
        """The rows of one preparation of a peer."""
        peer, options = variant.peer, self.options
        order = Order(
            pictures=self.drawn.folder,
            pictures_sha256=self.drawn.sha256,
            split=options.split,
            classes=bundle.classes,
            bundle=bundle.path,
            minutes=options.minutes,
            threads=options.threads,
            calibration=options.calibration,
            seed=options.seed,
        )
        folder = self.work / "prepared" / variant.name
        told = prepare(variant, order, where, folder, self._inputs(variant))
        runners = []
        for key, row in peer.rows.items():
            mine: dict[str, Any] = {"inputs": told.get("inputs"), **told.get("rows", {}).get(key, {}), "key": key}
            network = mine.get("network")
            gmac = self.gmac.get(network) if network else about.gmac_of_row(mine)
            facts = {
                "ours": False,
                "peer": peer.name,
                "package": peer.package,
                "licence": peer.licence,
                "what": row.get("what", peer.what),
                "model": variant.model,
                "backend": row["backend"],
                "precision": mine.get("precision", row["precision"]),
                **dict.fromkeys(PREPARED),
                **{name: mine.get(name) for name in ("input", "network")},
                **{name: told.get(name) for name in ("facts", "minutes", "version")},
                "gmac": gmac,
                "prepared_s": told.get("seconds"),
                "env_mb": where.mb,
            }
            runner = Runner(
                facts,
                tuple(told.get("classes", bundle.classes)),
                of_peer(where.python, peer.folder / "measure.py", folder, mine),
                self._answers(),
            )
            runner.error = told.get("error") or mine.get("error")
            runners.append(runner)
        return runners

    def _inputs(self, variant: Variant) -> dict[str, Any]:
        """What a network of the toolkit's sees, for a peer that runs it; a run's calibration pictures too."""
        if variant.source is None:
            return {}
        run, folder, options = runs.is_run(variant.source), self.work / "inputs", self.options
        spec = runs.spec(variant.source).pixels if run else Bundle.open(variant.source).pixels
        found = {"inputs": drawing.raw(self.manifest, self.drawn, options.split, spec, folder).to_dict()}
        if run:
            made = drawing.calibration(self.manifest, self.drawn, spec, options.calibration, options.seed, folder)
            found["calibration_inputs"] = made.to_dict()
        return found

    def _answers(self) -> Path:
        self.count += 1
        folder = self.work / "answers"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.count:03d}.npy"


def _protocol(options: Options, load: float | None, runners: Sequence[Runner]) -> dict[str, Any]:
    during = [turn["others"] for runner in runners for turn in (*runner.latency, *runner.throughput)]
    known = [share for share in during if share is not None]
    return {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()},
        "order": "every row once a round, each turn in a fresh process, every other round backwards",
        "timed": "the network alone: pictures are decoded and prepared before, by each as it would",
        "wide": summary.WIDE,
        "load_before": load,
        "load_during_most": max(known, default=None),
        "busy": resource_use.BUSY,
    }

"""The result of `edgewbc bench --end-to-end`: its typed form, and the JSON that `--out` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgewbc.bench.machine import Machine
from edgewbc.bench.process_metrics import MemoryUse, StartupTime
from edgewbc.bench.row import LatencyPercentiles
from edgewbc.errors import UserError
from edgewbc.runtime.tuning import Choice
from edgewbc.utils.files import read_json

WHAT = "a result of `edgewbc bench --end-to-end --out`"


@dataclass(frozen=True)
class EndToEndData:
    """The images of an end-to-end benchmark.

    Attributes:
        protocol: how the manifest splits the cells; None for synthetic images, as for `split` and `manifest_sha256`.
        split: that the images are of.
        source: name of the data set, or `synthetic`; None if the manifest does not name it.
        manifest_sha256: of the manifest.
        n: number of images.
    """

    protocol: str | None
    split: str | None
    source: str | None
    manifest_sha256: str | None
    n: int


@dataclass(frozen=True)
class ProcessesSpeed:
    """Speed of `--engine processes` once its processes are ready; medians of the rounds.

    Attributes:
        images_per_s: from image file to row.
        ratio: to the same limit as that of the pipeline, taken within each round.
        speedup: to the pipeline in one process, taken within each round.
        peak_mb: peak resident memory of a process in 10^6 bytes; None where the system does not report it.
    """

    images_per_s: float
    ratio: float
    speedup: float
    peak_mb: float | None


@dataclass(frozen=True)
class PipelineSpeed:
    """Speed from image file to label, and the limit that the cores set; medians of the rounds.

    Attributes:
        decode_ms, inference_ms: CPU milliseconds per image, with every core busy with the same work.
        decode_alone_ms, inference_alone_ms: the same on a single core, the others idle.
        images_per_s: throughput of the whole pipeline.
        limit_images_per_s: number of cores over the CPU time of an image, with every core busy.
        limit_alone_images_per_s: the same from the times of a single core.
        ratio, ratio_alone: throughput over each limit, taken within each round.
        rounds: the measurements of each round, by name.
        processes: the same with a process per core; None where it was not measured.
    """

    decode_ms: float
    inference_ms: float
    decode_alone_ms: float
    inference_alone_ms: float
    images_per_s: float
    limit_images_per_s: float
    limit_alone_images_per_s: float
    ratio: float
    ratio_alone: float
    rounds: dict[str, tuple[float, ...]]
    processes: ProcessesSpeed | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {**asdict(self), "rounds": {name: list(values) for name, values in self.rounds.items()}}
        if self.processes is None:
            del values["processes"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PipelineSpeed:
        """Read JSON values; other keys are ignored."""
        numbers = {one.name: values[one.name] for one in fields(cls) if one.name not in ("rounds", "processes")}
        rounds = {name: tuple(one) for name, one in values["rounds"].items()}
        processes = values.get("processes")  # of no older version
        return cls(**numbers, rounds=rounds, processes=None if processes is None else ProcessesSpeed(**processes))


@dataclass(frozen=True)
class EndToEndResult:
    """A benchmark of one bundle from image file to label.

    Attributes:
        machine: the machine and the versions of the runtimes.
        load_before: share of the machine that was in use before the benchmark, 0..1; None where it is not known.
        bundle: name of the bundle.
        model_sha256: of the model file.
        data: the images.
        choice: how the model was run.
        batch: batch size.
        speed: throughput and limit.
        cold_start: of `classify` on one image; None if it was not measured.
        help_time: of `edgewbc --help`; None if it was not measured.
        memory: of `classify` on many images; None if it was not measured.
        live: latency of single images in memory, from pixels to row (`bench.live`); None if it was not measured.
    """

    machine: Machine
    load_before: float | None
    bundle: str
    model_sha256: str
    data: EndToEndData
    choice: Choice
    batch: int
    speed: PipelineSpeed
    cold_start: StartupTime | None = None
    help_time: StartupTime | None = None
    memory: MemoryUse | None = None
    live: LatencyPercentiles | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; those of `speed` are on the top level."""
        return {
            "machine": self.machine.to_json() | {"load_before": self.load_before},
            "bundle": self.bundle,
            "model_sha256": self.model_sha256,
            "data": asdict(self.data),
            "choice": asdict(self.choice),
            "batch": self.batch,
            **self.speed.to_json(),
            "cold_start_s": None if self.cold_start is None else self.cold_start.to_json(),
            "help_s": None if self.help_time is None else self.help_time.to_json(),
            "memory": None if self.memory is None else self.memory.to_json(),
            **({} if self.live is None else {"live_ms": asdict(self.live)}),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EndToEndResult:
        """Read JSON values.

        Raises:
            KeyError, TypeError, AttributeError: they are not such a result.
        """
        cold_start, help_time, memory = (values[name] for name in ("cold_start_s", "help_s", "memory"))
        live = values.get("live_ms")  # of no older version
        return cls(
            machine=Machine.from_json(values["machine"]),
            load_before=values["machine"]["load_before"],
            bundle=values["bundle"],
            model_sha256=values["model_sha256"],
            data=EndToEndData(**values["data"]),
            choice=Choice(**values["choice"]),
            batch=values["batch"],
            speed=PipelineSpeed.from_json(values),
            cold_start=None if cold_start is None else StartupTime.from_json(cold_start),
            help_time=None if help_time is None else StartupTime.from_json(help_time),
            memory=None if memory is None else MemoryUse.from_json(memory),
            live=None if live is None else LatencyPercentiles(**live),
        )

    @classmethod
    def read(cls, path: Path) -> EndToEndResult:
        """Read the file that `edgewbc bench --end-to-end --out` wrote.

        Raises:
            UserError: the file is missing, or is something else.
        """
        try:
            return cls.from_json(read_json(path, WHAT))
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: is damaged, or is not {WHAT}: {error!r}") from None

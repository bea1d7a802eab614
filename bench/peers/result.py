"""The result of the comparison with other toolkits, as its tables and figure need it: `run.py` writes the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewbc.metrics import Interval
from edgewbc.utils.json_values import take


@dataclass(frozen=True)
class SameNetwork:
    """How far a peer's predictions differ from those of a row of ours with the same weights.

    Attributes:
        backend, precision: of our row.
        agreement: share of the images with the same class, 0..1.
        largest_difference: of a probability.
    """

    backend: str
    precision: str
    agreement: float
    largest_difference: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SameNetwork:
        return take(cls, {**values, **values["against"]})


@dataclass(frozen=True)
class Unmeasured:
    """A network that could not be measured, and the reason."""

    peer: str
    model: str
    precision: str
    error: str


@dataclass(frozen=True)
class Measured:
    """A network that was measured.

    Attributes:
        ours: whether this toolkit ran it.
        peer: name of the toolkit.
        model, arch: name of the network, and of its architecture; `arch` is None for a peer's own.
        backend, precision: that ran it.
        input: height and width in pixels; None if it is not known.
        images_per_s: throughput.
        unsteady: whether the rounds of the throughput differ widely.
        speed: throughput over that of our first row; None for that row.
        p50_ms: median latency.
        size_mb: of the model's file.
        n, correct: number of test images, and of those that are classified correctly.
        accuracy, interval: with its 95 % interval, 0..1.
        mcnemar_p: of McNemar's test against our first row; None for that row.
        minutes: duration of the training; None if it was not trained for the comparison.
        same_network: None unless it has the weights of a row of ours.
    """

    ours: bool
    peer: str
    model: str
    arch: str | None
    backend: str
    precision: str
    input: tuple[int, int] | None
    images_per_s: float
    unsteady: bool
    speed: float | None
    p50_ms: float
    size_mb: float
    n: int
    correct: int
    accuracy: float
    interval: Interval
    mcnemar_p: float | None
    minutes: float | None
    same_network: SameNetwork | None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        same, speed, mcnemar = values["same_network"], values["speed"], values["mcnemar"]
        read = {
            "input": tuple(values["input"]) if values["input"] else None,
            "unsteady": "images_per_s" in values.get("unsteady", []),
            "speed": None if speed is None else speed["ratio"],
            "p50_ms": values["latency_ms"]["p50"],
            "interval": tuple(values["interval"]),
            "mcnemar_p": None if mcnemar is None else mcnemar["p"],
            "same_network": None if same is None else SameNetwork.from_json(same),
        }
        return take(cls, {**values, **read})


@dataclass(frozen=True)
class PeersResult:
    """All networks of the comparison, ours first, and how they were measured.

    Attributes:
        cpu, cores: of the machine.
        source, protocol, split, n: of the test images.
        rounds, seconds: number of measurements of each row, and the duration of each.
        measured: ours first.
        unmeasured: those that could not be measured.
    """

    cpu: str
    cores: int
    source: str
    protocol: str
    split: str
    n: int
    rounds: int
    seconds: float
    measured: tuple[Measured, ...]
    unmeasured: tuple[Unmeasured, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PeersResult:
        """Read what the comparison wrote; further keys are ignored.

        Raises:
            KeyError, TypeError, AttributeError: it is not such a result.
        """
        machine, data, how = values["machine"], values["data"], values["protocol"]
        return cls(
            cpu=machine["cpu"],
            cores=machine["cores"],
            source=data["source"],
            protocol=data["protocol"],
            split=data["split"],
            n=data["n"],
            rounds=how["rounds"],
            seconds=how["seconds"],
            measured=tuple(Measured.from_json(row) for row in values["rows"] if not row.get("error")),
            unmeasured=tuple(take(Unmeasured, row) for row in values["rows"] if row.get("error")),
        )

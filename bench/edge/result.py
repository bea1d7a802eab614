"""The result of the edge search, as its table and figure need it: `search.run` and `search.measure` write the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewbc.metrics import Accuracy


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        macs: multiply-adds per image.
        parameters: number of weights.
        minutes: duration of the training.
        f32, int8: validation accuracy of OpenVINO's file in each precision.
    """

    macs: float
    parameters: int
    minutes: float
    f32: Accuracy
    int8: Accuracy

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Trained:
        f32, int8 = (Accuracy.from_json(values["validation"][precision]) for precision in ("f32", "int8"))
        return cls(values["macs"], values["parameters"], values["minutes"], f32, int8)


@dataclass(frozen=True)
class Timed:
    """What the benchmark says of a network's int8 file: speed as a ratio to the baseline, and size in MB."""

    speedup: float
    size_mb: float


@dataclass(frozen=True)
class TriedNetwork:
    """A network that the search tried.

    Attributes:
        family: of networks.
        size: height and width of its input in pixels.
        keep: share of the multiply-adds that pruning left, 0..1.
        trained: after pruning and training.
        scratch: the same shape trained from random weights; None if that was not tried.
        timed: None if it was not timed, or could not be.
        chosen: whether it is the cheapest of its family that passes.
    """

    family: str
    size: int
    keep: float
    trained: Trained
    scratch: Trained | None = None
    timed: Timed | None = None
    chosen: bool = False


@dataclass(frozen=True)
class EdgeResult:
    """The networks that were tried, and what they were measured against.

    Attributes:
        protocol: of the manifest.
        reference: validation accuracy of the unpruned VGG16-GAP.
        bar: the least validation accuracy of a network that passes, 0..1.
        networks: by key.
        benchmarked: whether the speeds were measured.
    """

    protocol: str
    reference: Accuracy
    bar: float
    networks: dict[str, TriedNetwork]
    benchmarked: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EdgeResult:
        """Read what the search wrote; further keys are ignored.

        Raises:
            KeyError, TypeError, AttributeError: it is not such a result.
        """
        rows = values.get("bench", {"rows": []})["rows"]
        timed: dict[str, Timed] = {}
        for row in rows:
            if row["precision"] == "int8" and row["images_per_s"]:
                timed.setdefault(row["model"], Timed(row["speedup"], row["size_mb"]))
        networks = {
            key: TriedNetwork(
                family=point["family"],
                size=point["size"],
                keep=point["keep"],
                trained=Trained.from_json(point),
                scratch=Trained.from_json(point["scratch"]) if "scratch" in point else None,
                timed=timed.get(key),
                chosen=key in values["chosen"].values(),
            )
            for key, point in values["points"].items()
        }
        reference = Accuracy.from_json(values["reference"])
        return cls(values["protocol"], reference, values["bar"], networks, "bench" in values)

"""What the study of training throughput measured, and its table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edgewbc.bench.machine import Machine
from edgewbc.errors import UserError
from edgewbc.utils.text import figure, markdown

FORMAT = 1


class Loop(StrEnum):
    """A training loop: edgewbc's, the limit, edgewbc's with memory returned, and one that a person would write."""

    EDGEWBC = "edgewbc"
    LIMIT = "limit"
    RETURNED = "returned"
    PLAIN = "plain"

    @property
    def kept(self) -> bool:
        """Whether freed memory is kept (`edgewbc.train.heap`), as `edgewbc train` does on Linux."""
        return self in (Loop.EDGEWBC, Loop.LIMIT)


@dataclass(frozen=True)
class Network:
    """A network of the study, and how much of it is trained in a measurement.

    Attributes:
        name: in the table.
        recipe: name of a built-in recipe.
        batch: images per step.
        batches: steps per measurement.
    """

    name: str
    recipe: str
    batch: int
    batches: int


@dataclass(frozen=True)
class Setting:
    """What the loops of a row share.

    Attributes:
        network: its name.
        precision: f32 or bf16.
        threads: of torch, and the number of cores that the process may use.
    """

    network: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Row:
    """Measurements of one setting.

    Attributes:
        setting: that was measured.
        images_per_s: by loop, one value per round.
        system: share of the time that the process spent in the kernel, by loop and round; without the plain loop,
            whose images are decoded in other processes.
    """

    setting: Setting
    images_per_s: Mapping[Loop, tuple[float, ...]]
    system: Mapping[Loop, tuple[float, ...]]

    def rate(self, loop: Loop) -> float:
        """Return the median throughput of a loop, images/s."""
        return statistics.median(self.images_per_s[loop])

    def ratio(self, other: Loop) -> float:
        """Return the median over the rounds of edgewbc's throughput divided by that of another loop."""
        pairs = zip(self.images_per_s[Loop.EDGEWBC], self.images_per_s[other], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        return asdict(self.setting) | {
            "images_per_s": {str(loop): list(found) for loop, found in self.images_per_s.items()},
            "system": {str(loop): list(found) for loop, found in self.system.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Row:
        """Read what `to_json` returned."""
        setting = Setting(values["network"], values["precision"], values["threads"])
        rates, system = (
            {Loop(loop): tuple(found) for loop, found in values[key].items()} for key in ("images_per_s", "system")
        )
        return cls(setting, rates, system)


@dataclass(frozen=True)
class Result:
    """Result of the study.

    Attributes:
        machine: on which it was measured.
        networks: that were measured.
        rows: one for each setting.
        source: of the images.
        workers: threads of edgewbc, and processes of the plain loop, that decode and augment.
    """

    machine: Machine
    networks: tuple[Network, ...]
    rows: tuple[Row, ...]
    source: str
    workers: int

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON types."""
        return {
            "format": FORMAT,
            "machine": self.machine.to_json(),
            "networks": [asdict(one) for one in self.networks],
            "rows": [row.to_json() for row in self.rows],
            "source": self.source,
            "workers": self.workers,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Result:
        """Read what `to_json` returned.

        Raises:
            UserError: it is of another version.
        """
        if values["format"] != FORMAT:
            raise UserError(f"results of training throughput: format {values['format']} is not {FORMAT}")
        networks = tuple(Network(**one) for one in values["networks"])
        rows = tuple(Row.from_json(row) for row in values["rows"])
        return cls(Machine.from_json(values["machine"]), networks, rows, values["source"], values["workers"])


def section(values: Mapping[str, Any]) -> str:
    """Return the results as Markdown: a row for each network, precision and number of threads."""
    result = Result.from_json(values)
    header = (
        "network", "precision", "cores", "edgewbc, images/s", "plain loop, images/s", "limit, images/s",
        "edgewbc / plain loop", "edgewbc / limit", "memory kept / returned", "in the kernel: kept, returned",
    )  # fmt: skip
    lines = [_line(row) for row in result.rows]
    rounds = len(result.rows[0].images_per_s[Loop.EDGEWBC]) if result.rows else 0
    ratios = f"medians over {rounds} rounds, in each of which" if rounds > 1 else "those of one round, in which"
    batches = ", ".join(f"{one.name} {one.batch}" for one in result.networks)
    return (
        f"{markdown(header, lines, range(2, len(header)))}\n\n"
        f"Trained on {result.source}, decoded from JPEG and augmented as the recipe says, with {result.workers} "
        "decoding threads. The plain loop is what a person would write: torchvision's transforms (crop, rotation, "
        f"shift, scale, flips, color jitter, blur) in a DataLoader with {result.workers} worker processes, with the "
        "same network, optimizer, clipping of gradients, precision and memory format, and freed memory returned to the "
        "system, as it is without edgewbc. It does not check images against the manifest's hashes and for damage, "
        "which edgewbc does in every epoch. The limit trains on one batch that is in memory: forward, backward and "
        "step alone; decoding and augmentation take cores from it. Images per step: "
        f"{batches}. Each loop trained for an epoch before it was measured. Ratios are {ratios} all loops took "
        'their turns; the plain loop and the returned memory are measured in other processes than the limit. "Kept" '
        'is what `edgewbc train` does on Linux with glibc; "in the kernel" is the share of the time that edgewbc\'s '
        f"process spent there. {result.machine.cpu}, {result.machine.cores} cores."
    )


def _line(row: Row) -> Sequence[str]:
    """Return a row of the table."""
    setting = row.setting
    kernel = ", ".join(f"{statistics.median(row.system[loop]):.0%}" for loop in (Loop.EDGEWBC, Loop.RETURNED))
    rates = [figure(row.rate(loop)) for loop in (Loop.EDGEWBC, Loop.PLAIN, Loop.LIMIT)]
    ratios = [f"{row.ratio(loop):.2f}" for loop in (Loop.PLAIN, Loop.LIMIT, Loop.RETURNED)]
    return [setting.network, setting.precision, str(setting.threads), *rates, *ratios, kernel]

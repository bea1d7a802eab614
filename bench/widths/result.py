"""The result of the widths study, as its table needs it: `study.run` writes the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ChannelCost:
    """The cost of a convolution with one number of channels.

    Attributes:
        microseconds: time per image and convolution.
        to_multiple: its time over that of the next multiple of 8, 16, 32 and 64, where that was timed.
    """

    microseconds: float
    to_multiple: dict[int, float]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ChannelCost:
        return cls(values["microseconds"], {int(step): ratio for step, ratio in values["to_multiple"].items()})


@dataclass(frozen=True)
class WidthsResult:
    """The cost of a convolution by its number of channels.

    Attributes:
        cpu, cores: of the machine.
        side: height and width of the feature map.
        rounds, seconds: number of measurements of each width and precision, and the duration of each.
        costs: by precision and number of channels.
    """

    cpu: str
    cores: int
    side: int
    rounds: int
    seconds: float
    costs: dict[str, dict[int, ChannelCost]]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> WidthsResult:
        """Read what `study.run` wrote; further keys are ignored.

        Raises:
            KeyError, TypeError, AttributeError: it is not such a result.
        """
        machine, how = values["machine"], values["protocol"]
        return cls(
            cpu=machine["cpu"],
            cores=machine["cores"],
            side=how["side"],
            rounds=how["rounds"],
            seconds=how["seconds"],
            costs={
                precision: {int(width): ChannelCost.from_json(one) for width, one in widths.items()}
                for precision, widths in values["widths"].items()
            },
        )

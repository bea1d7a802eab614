"""Describe this PC, measure whether int8 is faster on it, and find the fastest configuration for a bundle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.runtime import host, tuning
from edgewbc.runtime.int8_speedup import Int8Speedup, measure
from edgewbc.runtime.openvino_import import capabilities
from edgewbc.utils.optional import installed_versions

PACKAGES = ("openvino", "numpy", "opencv-python-headless", "simplejpeg", "typer")


@dataclass(frozen=True)
class TuningResult:
    """What `tune` measured and chose.

    Attributes:
        measured: each candidate with its throughput (network alone), and whether its golden samples match.
        choice: the fastest candidate whose golden samples match; None if there is none.
        remembered: file in which the choice was saved for `classify`; None if it was not.
        reason: why it was not saved; empty if it was.
    """

    measured: tuple[tuning.Measured, ...]
    choice: tuning.Choice | None
    remembered: str | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {
            "measured": [candidate.to_json() for candidate in self.measured],
            "choice": None if self.choice is None else asdict(self.choice),
            "remembered": self.remembered,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Attributes:
        cpu: name of the processor.
        capabilities: precisions OpenVINO can compute in. INT8 is listed on any CPU, and does not imply speed.
        cores: that this process may use.
        memory_gb, memory_free_gb: in 10^9 bytes; None if unknown.
        os, python: name and version.
        versions: of the packages, by name.
        bundle: that was measured; None if there is none.
        int8: speed of int8 against f32; its `isa` is the instruction set that OpenVINO reports.
        tuning: the fastest configuration of the bundle; None without a bundle.
    """

    cpu: str
    capabilities: tuple[str, ...]
    cores: int
    memory_gb: float | None
    memory_free_gb: float | None
    os: str
    python: str
    versions: Mapping[str, str]
    bundle: Bundle | None
    int8: Int8Speedup
    tuning: TuningResult | None

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        bundle = self.bundle and {
            "path": str(self.bundle.path),
            "name": self.bundle.name,
            "precisions": list(self.bundle.precisions),
            "default_precision": self.bundle.default_precision,
            "training_images": self.bundle.manifest.training_images is not None,
        }
        return {
            "cpu": self.cpu,
            "isa": self.int8.isa,
            "capabilities": list(self.capabilities),
            "cores": self.cores,
            "memory_gb": self.memory_gb,
            "memory_free_gb": self.memory_free_gb,
            "os": self.os,
            "python": self.python,
            "versions": dict(self.versions),
            "bundle": bundle,
            "int8": self.int8.to_json(),
            "tuning": None if self.tuning is None else self.tuning.to_json(),
        }


def diagnose(bundle: Bundle | None, *, seconds: float = 1.0, threads: int | None = None) -> Diagnosis:
    """Describe the PC, measure the speed of int8, and tune the bundle (see `tune`).

    Args:
        bundle: the one that commands use by default; None if there is none.
        seconds: duration of each measurement; with 0 it is as short as possible and nothing is saved.
        threads: maximum number of threads to measure with; None is every core that this process may use.

    Raises:
        UserError: OpenVINO cannot run the bundle's models.
    """
    int8 = measure(bundle, seconds, threads)
    memory = host.memory()
    return Diagnosis(
        cpu=host.processor(),
        capabilities=tuple(sorted(capabilities())),
        cores=host.cores(),
        memory_gb=_gb(memory.total),
        memory_free_gb=_gb(memory.free),
        os=f"{platform.system()} {platform.release()} ({platform.machine()})",
        python=platform.python_version(),
        versions={"edgewbc": __version__, **installed_versions(*PACKAGES)},
        bundle=bundle,
        int8=int8,
        tuning=None if bundle is None else tune(bundle, seconds=seconds, threads=threads),
    )


def tune(bundle: Bundle, *, seconds: float = 1.0, threads: int | None = None) -> TuningResult:
    """Measure the configurations of a bundle on this PC, and save the fastest correct one for `classify`.

    Args:
        bundle: to measure.
        seconds: duration of each measurement; with 0 nothing is saved.
        threads: maximum number of threads to use; the choice is saved for this limit.

    Raises:
        UserError: OpenVINO cannot run a model.
    """
    tried = tuning.measure(bundle, seconds, threads)
    best = tuning.best_of(bundle, tried)
    saved, reason = None, ""
    if seconds > 0:
        try:
            saved = str(tuning.remember(bundle, tried, threads))
        except (OSError, ValueError) as error:
            reason = str(error)
    else:
        reason = "measured for 0 seconds"
    return TuningResult(tuple(tried), None if best is None else best.choice, saved, reason)


def _gb(count: int | None) -> float | None:
    return None if count is None else round(count / 1e9, 1)

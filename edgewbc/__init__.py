"""edgewbc: white-blood-cell classifiers from a GPU workstation to a microscope PC without one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from edgewbc._version import __version__

if TYPE_CHECKING:
    from edgewbc.lab.classifier import Classifier as Classifier

# OpenVINO, NNCF and ONNX Runtime report usage over the network by default. All three are told not to, before any
# of them can be imported: the lab's pictures and habits are nobody else's business, and the PC is often offline.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("NNCF_CI", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__all__ = ["Classifier", "__version__"]


def __getattr__(name: str) -> Any:
    """`Classifier`, imported when it is asked for: it brings OpenCV along."""
    if name != "Classifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgewbc.lab.classifier import Classifier

    return Classifier

"""torchvision's own INT8 networks, `torchvision.models.quantization`: checks whether it has the run's network.

It contains quantizable versions of some networks. If there is none of the run's family, the row lists those that exist.
PyTorch's general INT8 quantization is a row of the peer `torch`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peer

FAMILIES = {"vgg16gap": "vgg", "efficientnet-lite0": "efficientnet"}
"""torchvision's name of the network family, by edgewbc's architecture."""


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Look for the network in the installed torchvision."""
    from torchvision import models

    spec = json.loads((Path(job["source"]) / "model.json").read_text(encoding="utf-8"))
    family = FAMILIES[spec["arch"]]
    available = sorted(models.list_models(module=models.quantization))
    fitting = [name for name in available if family in name]
    if fitting:
        why = f"has {', '.join(fitting)}, which this comparison does not support yet"
    else:
        why = f"has no quantized {family}; it has {', '.join(name.removeprefix('quantized_') for name in available)}"
    return {
        "classes": spec["classes"],
        "rows": {key: {"error": f"torchvision.models.quantization {why}"} for key in job["rows"]},
        "minutes": None,
        "version": peer.versions("torchvision"),
        "facts": {"quantized": available},
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Raise an error: there is no network to load."""
    raise peer.UnsupportedError(row.get("error", "torchvision has no such network"))


if __name__ == "__main__":
    peer.main(prepare, load)

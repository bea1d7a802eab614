"""torchvision's own INT8 path, `torchvision.models.quantization`: asked whether it has the network at all.

It ships quantizable forms of some networks. Where the installed one has none of the run's family, the row says which
it has; PyTorch's general way to INT8 is a row of the peer `torch`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peer

FAMILIES = {"vgg16gap": "vgg", "efficientnet-lite0": "efficientnet"}
"""What torchvision would call the network, by the toolkit's architecture."""


def prepare(job: dict[str, Any]) -> dict[str, Any]:
    """Ask the installed torchvision."""
    from torchvision import models

    told = json.loads((Path(job["source"]) / "model.json").read_text(encoding="utf-8"))
    family = FAMILIES[told["arch"]]
    held = sorted(models.list_models(module=models.quantization))
    fitting = [name for name in held if family in name]
    if fitting:
        why = f"has {', '.join(fitting)}, which this comparison does not know how to fill: add it"
    else:
        why = f"has no quantized {family}; it has {', '.join(name.removeprefix('quantized_') for name in held)}"
    return {
        "classes": told["classes"],
        "rows": {key: {"error": f"torchvision.models.quantization {why}"} for key in job["rows"]},
        "minutes": None,
        "version": peer.versions("torchvision"),
        "facts": {"quantized": held},
    }


def load(job: dict[str, Any], row: dict[str, Any]) -> peer.Model:
    """Nothing is prepared that could be loaded."""
    raise peer.Refused(row.get("error", "torchvision has no such network"))


if __name__ == "__main__":
    peer.main(prepare, load)

"""`edgewbc export --network`: write a network as float16 safetensors, to fine-tune from or to distill from.

The file has half the size of the run's. Rounding to float16 changes predictions slightly, so accuracy must be measured
on the released file.
"""

from __future__ import annotations

from pathlib import Path

import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.export.bundle_manifest import without_paths
from edgewbc.lineage import Lineage
from edgewbc.nets import model
from edgewbc.utils.files import occupied, sha256, whole_folder


def release(run: Path, to: Path) -> Path:
    """Write `model.safetensors` (float16), `model.json` and `lineage.json`, which contains no absolute path.

    Args:
        run: run folder; not modified.
        to: folder to create; every command accepts it as a run.

    Returns:
        `to`.

    Raises:
        UserError: `run` is not a run, or `to` exists.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already, and a network is never overwritten: give another --to")
    runs.verify(run)
    net, spec = model.load(run)
    with whole_folder(to) as folder:
        model.save(folder, net, spec, torch.float16)
        lineage = without_paths(runs.lineage(run).to_json())
        lineage |= {"released_from_sha256": lineage.get("model_sha256"), "model_sha256": sha256(folder / model.WEIGHTS)}
        runs.seal_lineage(folder, Lineage(lineage))
    return to

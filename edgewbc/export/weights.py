"""`edgewbc export --network`: the network itself as float16 safetensors, to fine-tune from or to teach with.

Half the bytes of the run's file. The figures that belong to it are those of the released file: float16 rounds weights.
"""

from __future__ import annotations

from pathlib import Path

import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.export.bundle_manifest import without_paths
from edgewbc.nets import model
from edgewbc.utils.files import occupied, sha256, whole_folder, write_json


def release(run: Path, to: Path) -> Path:
    """Write `model.safetensors` (float16), `model.json` and `lineage.json` (without paths of this machine).

    Args:
        run: a run folder; it is not changed.
        to: the folder to make; every command takes it as a run.

    Raises:
        UserError: not a run, or `to` exists.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already, and a network is never overwritten: give another --to")
    net, spec = model.load(run)
    with whole_folder(to) as folder:
        model.save(folder, net, spec, torch.float16)
        told = without_paths(runs.lineage(run))
        told |= {"released_from_sha256": told.get("model_sha256"), "model_sha256": sha256(folder / model.WEIGHTS)}
        write_json(folder / runs.LINEAGE, told)
    return to

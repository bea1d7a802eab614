"""One network from several: the average of their weights.

Networks that were fine-tuned from the same start, with other seeds, lie in one basin: the average of their weights is
at least as good as one of them on images like those of training, and better on others, at the cost of one (Wortsman et
al. 2022, "Model soups", arXiv 2203.05482: the uniform soup).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.nets import model


def average(folders: Sequence[Path], to: Path | None = None) -> Path:
    """Average the weights of runs into a new run; the lineage names them all, and has the history of the first.

    Statistics of batch normalization are averaged too.

    Args:
        folders: two or more runs of one architecture, classes and crop, fine-tuned from the same weights.
        to: folder to create; None chooses runs/<name of the first>-average.

    Returns:
        The run folder.

    Raises:
        UserError: there are fewer than two, the same one is named twice, one is not a finished run, or they differ.
    """
    if len(folders) < 2:
        raise UserError("name two runs or more to average")
    specs = [runs.spec(folder) for folder in folders]
    for folder, spec in zip(folders, specs, strict=True):
        runs.check_weights(folder / runs.WEIGHTS)
        if spec != specs[0]:
            raise UserError(f"{folder}: differs from {folders[0]} in {runs.SPEC}: average runs of one architecture")
    lineages = [runs.lineage(folder) for folder in folders]
    hashes = [each.model_sha256 for each in lineages]
    for folder, digest in zip(folders, hashes, strict=True):
        if hashes.count(digest) > 1:
            raise UserError(f"{folder}: the same weights as another of the runs: name each once")
    states = [model.read_tensors(folder / runs.WEIGHTS) for folder in folders]
    net = model.build(specs[0])
    means = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        for name, tensor in states[0].items()
    }
    net.load_state_dict(means)
    run = runs.new(f"{folders[0].name}-average", to)
    model.save(run, net, specs[0])
    first = lineages[0]
    runs.write_lineage(
        run, "average", parent=folders[0], manifest_sha256=first.manifest_sha256,
        protocol=first.protocol, source=first.source,
        averaged=[
            {"run": folder.name, **each.without_hashes().to_json()}
            for folder, each in zip(folders, lineages, strict=True)
        ],
    )  # fmt: skip
    return run

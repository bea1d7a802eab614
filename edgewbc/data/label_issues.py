"""Detection of labels that are probably wrong, by classifiers that were fitted without the cell and its group.

Confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70:1373, arXiv 1911.00068) as implemented by cleanlab. No
label is changed; a person decides about each flagged cell.

The features must not come from a network that was trained on the same labels: it has learned the wrong ones too, so
that few are detected (`data.features.training_overlap`).
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.manifest import Entry
from edgewbc.errors import UserError
from edgewbc.metrics import Scores, score
from edgewbc.utils.optional import need

STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse strengths of the L2 penalty; the one with the lowest out-of-fold log loss is used."""

REPEATS: Final = 3
"""Number of divisions into folds over which the probabilities are averaged.

With one division, a third of the flags depends on the seed (BCCD, four seeds: 16 to 21 of 22 to 29 flags in common).
"""

TRIES: Final = 20  # shuffles of the folds; the first one with every class in every training part is used
PURPOSE: Final = "edgewbc data audit --labels"

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A cell and the out-of-fold evidence about its label.

    Attributes:
        entry: the cell.
        given: label in the manifest.
        suggested: most probable class.
        p_given: probability of the given label.
        p_suggested: probability of the suggested label.
        quality: quality of the label in 0..1; the lower, the more likely it is wrong (cleanlab's score).
        flagged: whether cleanlab considers the label wrong.
        rank: 1-based rank: flagged cells first, each part by quality.
        place: 0-based index of the cell in the input.
    """

    entry: Entry
    given: str
    suggested: str
    p_given: float
    p_suggested: float
    quality: float
    flagged: bool
    rank: int
    place: int


@dataclass(frozen=True)
class Judgment:
    """All cells by rank, and the accuracy of the classifiers that judged them.

    Attributes:
        cells: all cells by rank.
        folds: number of folds; fewer than requested if a class has fewer groups.
        groups: number of groups that were kept in one fold: the manifest's groups, merged if they share duplicates.
        strength: the inverse penalty that was chosen from `STRENGTHS`.
        score: metrics of the suggested against the given labels (`metrics.score`). The strength was chosen on the same
            cells, from four values.
    """

    cells: tuple[Judged, ...]
    folds: int
    groups: int
    strength: float
    score: Scores

    @property
    def flagged(self) -> tuple[Judged, ...]:
        """The flagged cells by rank."""
        return tuple(cell for cell in self.cells if cell.flagged)

    def pairs(self) -> list[tuple[str, str, int]]:
        """Return the number of flagged cells by given and suggested label, the most frequent first."""
        counts = Counter((cell.given, cell.suggested) for cell in self.flagged)
        return [(given, suggested, n) for (given, suggested), n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))]


def judge(
    features: NDArray[np.float32],
    entries: Sequence[Entry],
    classes: Sequence[str],
    *,
    copies: Iterable[Sequence[str]] = (),
    folds: int = 5,
    seed: int = 0,
) -> Judgment:
    """Rank cells by how likely their label is wrong.

    Each cell is judged by classifiers that were fitted without it, its group and its copies.

    Args:
        features: features of each entry's cell, float32 (n, d).
        entries: n labeled cells.
        classes: class names in the order of reports; those without a cell are ignored.
        copies: sets of paths of images that show the same thing, exact or near duplicates.
        folds: number of folds in each of `REPEATS` divisions.
        seed: seed of the divisions.

    Raises:
        UserError: there is only one class, or a class is in only one group.
    """
    names, truth = _truth(entries, classes)
    groups = joined(entries, copies)
    divisions = [divide(truth, groups, names, folds, seed + repeat * TRIES) for repeat in range(REPEATS)]
    probabilities, strength = out_of_fold(features, truth, divisions)
    quality, wrong = issues(truth, probabilities)
    suggested = probabilities.argmax(1)
    order = np.lexsort((np.arange(len(truth)), quality, ~wrong))
    cells = [
        Judged(
            entries[i],
            names[truth[i]],
            names[suggested[i]],
            float(probabilities[i, truth[i]]),
            float(probabilities[i, suggested[i]]),
            float(quality[i]),
            bool(wrong[i]),
            rank,
            int(i),
        )
        for rank, i in enumerate(order, 1)
    ]
    scored = score(truth, suggested, names)
    return Judgment(tuple(cells), int(divisions[0].max()) + 1, len(set(groups.tolist())), strength, scored)


def check(entries: Sequence[Entry], classes: Sequence[str], folds: int) -> None:
    """Check what can be checked of the arguments of `judge` without features and copies.

    Raises:
        UserError: there is only one class, or a class is in only one group.
    """
    names, truth = _truth(entries, classes)
    _parts(truth, joined(entries), names, folds)


def joined(entries: Sequence[Entry], copies: Iterable[Sequence[str]] = ()) -> NDArray[np.int64]:
    """Number the groups that must stay in one fold: int64 (n,), equal for cells that belong together.

    Cells belong together if they share a group, an image, the bytes of their image, or are in copies of one another.
    """
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for entry in entries:
        top = root(("group", entry.group))
        for other in (("path", entry.path), ("sha256", entry.sha256)):
            parent[root(other)] = top
    for paths in copies:
        for path in paths[1:]:
            parent[root(("path", path))] = root(("path", paths[0]))
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(root(("group", e.group)), len(numbers)) for e in entries], dtype=np.int64)


def divide(
    truth: NDArray[np.int64], groups: NDArray[np.int64], names: Sequence[str], folds: int, seed: int = 0
) -> NDArray[np.int64]:
    """Return the fold of each cell, int64 (n,), from 0.

    A group is in one fold only, each class is spread about evenly, and every class is in every training part.

    Raises:
        UserError: `folds` is less than 2, or a class has too few groups.
    """
    need("sklearn", PURPOSE)
    from sklearn.model_selection import StratifiedGroupKFold

    parts = _parts(truth, groups, names, folds)
    for attempt in range(TRIES):
        fold = np.zeros(len(truth), dtype=np.int64)
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed + attempt)
        for part, (_, held) in enumerate(splitter.split(truth, truth, groups)):
            fold[held] = part
        if all(len(set(truth[fold != part].tolist())) == len(names) for part in range(parts)):
            return fold
    raise UserError(
        f"{PURPOSE}: the groups (slide, patient or image) cannot be divided into {parts} folds so that every class "
        "is in the training part of each: give fewer --folds, or a manifest with more groups"
    )


def _truth(entries: Sequence[Entry], classes: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the classes that have cells, and the index of each entry's label among them, (n,)."""
    present = {entry.label for entry in entries}
    names = [name for name in classes if name in present]
    if len(names) < 2:
        found = f"only of class {names[0]!r}" if names else "none"
        raise UserError(f"{PURPOSE}: needs cells of at least two classes; the manifest's are {found}")
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[entry.label] for entry in entries], dtype=np.int64)


def _parts(truth: NDArray[np.int64], groups: NDArray[np.int64], names: Sequence[str], folds: int) -> int:
    """Return the number of folds: as given, or as many as the class with the fewest groups has groups."""
    if folds < 2:
        raise UserError(f"--folds {folds}: give 2 or more")
    number = [len(np.unique(groups[truth == label])) for label in range(len(names))]
    least = int(np.argmin(number))
    if number[least] < 2:
        raise UserError(
            f"{PURPOSE}: class {names[least]!r} has only one group (slide, patient or image), and a classifier that is "
            "fitted without it would not know the class: add groups, or make the manifest without the class (--classes)"
        )
    return min(folds, number[least])


def out_of_fold(
    features: NDArray[np.float32], truth: NDArray[np.int64], divisions: Sequence[NDArray[np.int64]]
) -> tuple[Probabilities, float]:
    """Return the probabilities of each cell by classifiers that were fitted to the other folds.

    A classifier is multinomial logistic regression with an L2 penalty, on features standardized by its training part.

    Args:
        features: of each cell, (n, d).
        truth: class index of each label, (n,).
        divisions: one or more divisions, each with the fold of each cell, (n,); the probabilities are averaged over
            them.

    Returns:
        Probabilities, (n, K), and the inverse strength of the penalty, which has the lowest log loss of `STRENGTHS`.
    """
    need("sklearn", PURPOSE)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    found = [np.zeros((len(truth), int(truth.max()) + 1)) for _ in STRENGTHS]
    for fold in divisions:
        for part in np.unique(fold):
            rest, held = fold != part, fold == part
            mean, spread = features[rest].mean(0, dtype=np.float64), features[rest].std(0, dtype=np.float64)
            scaled = (features - mean) / np.where(spread > 0, spread, 1)
            for strength, probabilities in zip(STRENGTHS, found, strict=True):
                classifier = LogisticRegression(C=strength, max_iter=2000)
                with warnings.catch_warnings():
                    # Only a penalty that is too weak to be chosen does not converge in so many steps.
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    classifier.fit(scaled[rest], truth[rest])
                probabilities[held] += classifier.predict_proba(scaled[held]) / len(divisions)
    losses = [-np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-15)).mean() for p in found]
    best = int(np.argmin(losses))
    return found[best], STRENGTHS[best]


def issues(truth: NDArray[np.int64], probabilities: Probabilities) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return cleanlab's quality of each label, (n,), and which labels it considers wrong, bool (n,).

    Quality is the probability of the given label. For each pair of classes, the confident joint estimates how many
    labels are wrong; as many of those with the lowest probability are returned, if another class is more probable.
    """
    need("cleanlab", PURPOSE)
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    quality = get_label_quality_scores(truth, probabilities, method="self_confidence")
    wrong = find_label_issues(truth, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    return np.asarray(quality, dtype=np.float64), np.asarray(wrong, dtype=bool)

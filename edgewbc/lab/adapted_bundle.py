"""Write the bundle of an adaptation: the parent's network with another head, and where it came from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle, seal
from edgewbc.bundle.manifest import FORMAT, REVIEW_ALL, BundleManifest
from edgewbc.bundle.paths import CARD, FAMILIARITY, HEAD, MANIFEST
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision import adapt, lab_familiarity, risk, self_training
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.correction import IDENTITY, OLD, Cells
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.risk import RiskTable
from edgewbc.decision.views import LabelFrom, judge
from edgewbc.errors import UserError
from edgewbc.lab.adapt import Adaptation
from edgewbc.lab.head_comparison import HeldOut
from edgewbc.runtime import golden, ir_head, trial
from edgewbc.runtime.golden import ExpectedOutputs, GoldenEntry, GoldenSample
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Backend
from edgewbc.runtime.selftest import GoldenSamples, selftest
from edgewbc.smear.appearance import UsualRange
from edgewbc.utils.arrays import write_arrays
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.text import interval, percent, utc_now

CELLS = "cells.csv"
"""Hash and label of each labeled cell. It has no file names, since those may name patients."""
MIN_TO_CALIBRATE = 20
"""Held-out cells below which the probabilities stay as the network gives them."""
EXPECTED_ERROR = 0.02
"""Share of the accepted cells that the calibrated probabilities let expect to be mislabeled, at most."""
CONFIDENCE = 0.95
"""Of the bound on the share that is mislabeled, and of the test that the held-out cells do not contradict it."""
LOWEST = 0.5
"""Lowest review threshold."""


@dataclass(frozen=True)
class Review:
    """A review threshold and what it means for the held-out cells.

    A few dozen cells cannot guarantee a small error: with none wrong among 80 accepted ones, up to 3.7 % may be (95 %
    confidence), with 40 up to 7.2 %. A threshold at which none is wrong would hang on the surest mistake alone, which
    may be a wrong label, and lets a fifth of the cells pass in one draw and none in the next. The calibrated
    probabilities use all held-out cells instead: the mean of 1 - p is the share of the accepted cells that is expected
    to be mislabeled. That is an estimate; `bound` says what the cells prove, and `classify --max-error` chooses a
    threshold with a guarantee, where there are cells enough for it.

    Attributes:
        below: probability below which a person should check a label.
        n, accepted, wrong: held-out cells, those at or above the threshold, and those of them that are mislabeled.
        expected: share of the accepted cells that is expected to be mislabeled; None if none is accepted.
        bound: upper bound of that share (Clopper-Pearson, at `CONFIDENCE`); 1 if none is accepted.
    """

    below: float
    n: int
    accepted: int
    wrong: int
    expected: float | None
    bound: float

    @classmethod
    def choose(
        cls, probabilities: NDArray[np.floating], truth: NDArray[np.int64], sure: NDArray[np.floating] | None = None
    ) -> Review:
        """Choose the lowest threshold at which at most `EXPECTED_ERROR` of what is accepted is expected to be wrong.

        More wrong ones among the held-out cells than that explains (binomial test) rule a threshold out.

        Args:
            probabilities: calibrated, of held-out cells, (n, K), n at least 1.
            truth: their class indices, (n,).
            sure: what the threshold is compared with, (n,); None takes each cell's highest probability.
        """
        surest, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == truth
        compared = surest if sure is None else sure.astype(np.float64)
        for threshold in (LOWEST, *np.sort(compared[compared > LOWEST]).tolist()):
            chosen = compared >= threshold
            accepted, wrong = int(chosen.sum()), int((chosen & ~right).sum())
            if not accepted:
                break
            expected = float((1 - surest[chosen]).mean())
            contradicted = wrong > 0 and 1 - risk.tail(wrong - 1, accepted, EXPECTED_ERROR) < 1 - CONFIDENCE
            if expected <= EXPECTED_ERROR and not contradicted:
                bound = risk.upper_bound(wrong, accepted, 1 - CONFIDENCE)
                return cls(float(threshold), len(truth), accepted, wrong, round(expected, 6), round(bound, 6))
        return cls(REVIEW_ALL, len(truth), 0, 0, None, 1.0)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's entry `review`."""
        found = {"n": self.n, "accepted": self.accepted, "wrong": self.wrong, "bound": self.bound}
        return {**found, "expected": self.expected}


def write(adaptation: Adaptation, to: Path, name: str | None = None) -> Bundle:
    """Write the adapted bundle into a new folder, check it, and open it.

    It holds OpenVINO files only: an ONNX file cannot be edited on a microscope PC.

    Args:
        adaptation: head, cells and comparison.
        to: folder to create.
        name: of the bundle; None is that of the folder.

    Raises:
        UserError: `to` exists, or the parent has no model for OpenVINO.
        GateError: the new bundle does not pass its selftest (a bug, or a faulty PC).
    """
    if occupied(to):
        raise UserError(f"{to}: exists already, and a bundle is never overwritten: give another --to")
    parent = adaptation.bundle
    precisions = [each for each in parent.precisions if parent.holds("openvino", each)]
    if not precisions:
        raise UserError(f"{parent.path}: has no model for OpenVINO, and only that can be adapted here")
    with whole_folder(to) as folder:
        for precision in precisions:
            _write_model(adaptation, folder, precision)
        (folder / HEAD).write_bytes(write_arrays(adaptation.head.arrays()))
        if adaptation.seen is not None:
            write_text(folder / CELLS, _cells(adaptation))
        _write_golden(parent, folder, precisions)
        familiarity = _familiarity(adaptation)
        if familiarity is not None:
            (folder / FAMILIARITY).write_bytes(familiarity.to_bytes())
        values = _manifest(adaptation, name or to.name, precisions, familiarity)
        write_json(folder / MANIFEST, values)
        write_text(folder / CARD, _card(adaptation, values))
        seal(folder)
        selftest(Bundle.open(folder)).require()
    return Bundle.open(to)


def _write_model(adaptation: Adaptation, folder: Path, precision: str) -> None:
    parent = adaptation.bundle
    files = trial.read_model(parent, "openvino", precision)
    xml, weights = files.contents
    try:
        contents = ir_head.replace(xml, weights, adaptation.head)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{files.label}: cannot be adapted: {error}") from None
    for file, data in zip(parent.model_files("openvino", precision), contents, strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)


def _write_golden(parent: Bundle, folder: Path, precisions: list[str]) -> None:
    """Copy the parent's golden images, and write what the new models predict for them."""
    old = GoldenSamples.from_bundle(parent)
    predictors = {}
    for precision in precisions:
        xml, weights = (folder / file for file in parent.model_files("openvino", precision))
        predictors[precision] = OpenVINOPredictor(
            xml.read_bytes(), weights.read_bytes(), precision=precision, name=str(xml)
        )
    samples = []
    for sample, image in zip(old.samples, old.images, strict=True):
        target = folder / sample.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(parent.read(sample.file))
        expected = {precision: ExpectedOutputs.of(each(image[None])) for precision, each in predictors.items()}
        samples.append(GoldenSample(sample.file, sample.sha256, expected))
    golden.write(folder, samples)


def _familiarity(adaptation: Adaptation) -> Familiarity | None:
    """Return the parent's statistics, moved to the laboratory where enough cells are labeled."""
    old = adaptation.bundle.familiarity()
    if old is None or adaptation.seen is None:
        return old
    cells = Cells(adaptation.seen.features, adaptation.labels, adaptation.seen.copies)
    return lab_familiarity.move(old, cells) or old


@dataclass(frozen=True)
class Confidence:
    """What a manifest says of its probabilities: calibration, review threshold and risk; None where it says nothing."""

    calibration: Calibration | None
    below: float | None
    review: Review | None
    risk: RiskTable | None

    @classmethod
    def of(cls, parent: BundleManifest, held_out: HeldOut | None) -> Confidence:
        """Measure on held-out cells; without any, keep what the parent says, but no guarantee.

        Where there are too few to calibrate on, nobody knows what a probability means: every cell is for review.

        Args:
            parent: manifest of the bundle that was adapted.
            held_out: labeled cells by the adapted head.
        """
        if held_out is None:
            return cls(parent.calibration, parent.review_below, None, None)
        truth = held_out.labels
        if len(truth) < MIN_TO_CALIBRATE:
            return cls(None, REVIEW_ALL, None, None)
        views = held_out.probabilities, held_out.others, held_out.label_from
        calibration = Calibration.fit(held_out.label_probabilities, truth)
        judged = judge(*views, lambda found: calibration.apply(found.astype(np.float32)))
        calibrated, sure = judged.probabilities, judged.sure
        review = Review.choose(calibrated, truth, sure)
        return cls(calibration, review.below, review, RiskTable.of(calibrated, truth, sure))

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's entries."""
        review = self.review
        return {
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "review_below": self.below,
            "review": {} if review is None else review.to_json(),
            "risk": None if self.risk is None else self.risk.to_json(),
        }


def _manifest(
    adaptation: Adaptation, name: str, precisions: list[str], familiarity: Familiarity | None
) -> dict[str, Any]:
    """Return the parent's manifest with what an adaptation changes; evidence of the parent's files is left out."""
    parent, old = adaptation.bundle, adaptation.bundle.manifest.to_json()
    tolerance = {each: parent.manifest.tolerance[each] for each in precisions}
    limits = parent.manifest.golden_limits.get(Backend.OPENVINO, {})
    kept = {
        each: replace(limits[each], mean_logit=None) for each in precisions if each in limits
    }  # another head's logits
    default = parent.default_precision if parent.default_precision in precisions else precisions[0]
    seen = _training_images(adaptation)
    return {
        **old,
        "format": FORMAT,
        "name": name,
        "edgewbc": __version__,
        "created": utc_now(),
        "head_widths": list(adaptation.head.widths),
        "files": {each: {"openvino": list(parent.model_files("openvino", each))} for each in precisions},
        "default_precision": default,
        "head": HEAD,
        "golden": GoldenEntry(tolerance, limits={Backend.OPENVINO: kept}).to_json(),
        "evidence": [],
        "parity": {},
        **Confidence.of(parent.manifest, adaptation.held_out).to_json(),
        "familiarity": None if familiarity is None else familiarity.info(FAMILIARITY).to_json(),
        "training_images": None if seen is None else seen.to_json(),
        **({} if adaptation.label_from == LabelFrom.UPRIGHT else {"label_from": str(adaptation.label_from)}),
        "adaptation": adaptation.to_json(),
        "lineage": _lineage(adaptation),
    }


def _lineage(adaptation: Adaptation) -> dict[str, Any]:
    parent = adaptation.bundle
    before = parent.manifest.to_json().get("lineage") or {}
    ancestors = [*before.get("ancestors", []), {key: value for key, value in before.items() if key != "ancestors"}]
    cells = None if adaptation.seen is None else hashlib.sha256(_cells(adaptation).encode()).hexdigest()
    return {
        "step": "adapt",
        "finished": utc_now(),
        "edgewbc": __version__,
        "parent": {
            "name": parent.name,
            "manifest_sha256": parent.sums[MANIFEST],
            "models": {each: parent.model_sha256("openvino", each) for each in parent.precisions
                       if parent.holds("openvino", each)},
        },
        "cells_sha256": cells,
        "microscope_sha256": None if adaptation.profile is None else adaptation.profile.sha256,
        "settings": {
            "strengths": [each for each in adapt.STRENGTHS if each != OLD],
            "scales": list(adapt.SCALES),
            "folds": adapt.FOLDS,
            "identity": IDENTITY,
            "self_training": {"share": self_training.SHARE, "rounds": self_training.ROUNDS,
                              "strength": self_training.STRENGTH},
        },
        "ancestors": [step for step in ancestors if step],
    }  # fmt: skip


def _training_images(adaptation: Adaptation) -> TrainingImages | None:
    """Return the parent's facts about its training images, widened to the lab's."""
    found, seen = adaptation.bundle.manifest.training_images, adaptation.seen
    return found if found is None or seen is None else widened(found, seen.appearance, seen.sizes, seen.notes)


def widened(
    found: TrainingImages,
    appearance: NDArray[np.float32],
    sizes: Sequence[tuple[int, int]],
    notes: Sequence[Sequence[str]] = (),
) -> TrainingImages:
    """Return facts about training images, widened to a laboratory's: those are no longer unusual.

    Args:
        found: facts to widen.
        appearance: of the laboratory's cells (see `smear.appearance`), (n, q), n at least 1.
        sizes: width and height of each of its images in pixels.
        notes: of the decoder on each. What most of the images carry, such as 16 bits per channel, is how the laboratory
            saves its images.
    """
    counts = Counter(note for each in notes for note in set(each))
    usual = {note: round(count / len(notes), 4) for note, count in counts.items() if 2 * count > len(notes)}
    own, old = UsualRange.of(list(appearance)), found.appearance
    low = {name: min(value, own.low[name]) for name, value in old.low.items()}
    high = {name: max(value, own.high[name]) for name, value in old.high.items()}
    spread = np.percentile(np.array(sizes, dtype=np.float64), (1, 50, 99), axis=0).T
    width, height = ((float(low), float(middle), float(high)) for low, middle, high in spread)
    images = old.images + len(appearance)
    known = {**found.notes, **usual}
    return replace(
        found, appearance=UsualRange(low, high, images), width=width, height=height, notes=known, unusual=None
    )


def _cells(adaptation: Adaptation) -> str:
    """Return `cells.csv`: hash and label of each labeled cell."""
    assert adaptation.seen is not None  # noqa: S101 - the caller checks
    names = adaptation.bundle.classes
    rows = sorted(zip(adaptation.seen.sha256, adaptation.labels.tolist(), strict=True))
    return "sha256,label\n" + "".join(f"{digest},{names[label]}\n" for digest, label in rows)


def _card(adaptation: Adaptation, values: Mapping[str, Any]) -> str:
    parent = adaptation.bundle
    lines = [f"# {values['name']}", f"{parent.name} with a head that was adapted to one laboratory's cells."]
    if adaptation.counts:
        counts = ", ".join(f"{count} {name}" for name, count in adaptation.counts.items())
        lines.append(f"Labeled cells: {counts}.")
    if adaptation.missing:
        lines.append(f"Without labeled cells, as in the parent: {', '.join(adaptation.missing)}.")
    if adaptation.unlabeled:
        lines.append(f"Unlabeled cells: {adaptation.unlabeled}.")
    found = adaptation.comparison
    if found is None:
        lines.append("**How accurate it is was not measured**, because no labeled cell could be held out.")
    else:
        rows = (("before", found.before), ("after, by cross-validation", found.after))
        lines.append(
            "| head | n | correct | accuracy | 95 % interval | mean recall |\n|---|---|---|---|---|---|\n"
            + "\n".join(
                f"| {what} | {each.n} | {each.correct} | {percent(each.accuracy)} | {interval(each.interval)} | "
                f"{percent(each.balanced_accuracy)} |"
                for what, each in rows
            )
        )
        lines.append(
            f"McNemar: {found.mcnemar.b} cells right before only, {found.mcnemar.c} after only "
            f"(p = {found.mcnemar.p:.3f})."
        )
    if adaptation.label_from == LabelFrom.MEAN and parent.manifest.views is not None:
        lines.append(f"The label of a cell is that of the mean of {len(parent.manifest.views)} views of it.")
    lines.append(accepted(values["review"]))
    lines.append(
        "For images of that laboratory's microscope and stain. The figures hold for cells drawn like the labeled ones."
    )
    lines.append(
        f"The card of the parent follows; its accuracy is that of the parent.\n\n---\n\n{_parent_card(parent)}"
    )
    return "\n\n".join(lines)


def review_sentence(bundle: Bundle) -> str:
    """Say in a sentence what the review threshold of an adapted bundle means."""
    return accepted(bundle.manifest.to_json()["review"])


def accepted(review: Mapping[str, Any]) -> str:
    """Say in a sentence what the review threshold of an adapted bundle means; `review` is its manifest's entry."""
    if not review:
        return "How many cells are accepted, and how many of those are wrong, was not measured."
    if not review["accepted"]:
        return f"Every cell is for review: none of the {review['n']} held-out cells is sure enough."
    return (
        f"At the review threshold, {review['accepted']} of the {review['n']} held-out cells are accepted, "
        f"{review['wrong']} of them wrong; {percent(review['expected'], 1)} are expected to be. These cells prove no "
        f"more than {percent(review['bound'], 1)} ({percent(CONFIDENCE, 0)} confidence): label more cells to promise "
        "less."
    )


def _parent_card(parent: Bundle) -> str:
    return parent.read(CARD).decode("utf-8", "replace") if CARD in parent.sums else "It has none.\n"

"""Results of the travel study as tables: accuracy, recall and accepted cells of each bundle, in-domain and external."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.console import CHECKOUT
from edgewbc.bundle.bundle import Bundle
from edgewbc.utils import text as words
from edgewbc.utils.text import interval, percent

CAPTION = (
    "Mean recall in-domain and on images of two other laboratories, by the number of labeled cells per class that the "
    "head was adapted to. Bars are 95 % intervals without labels, and standard deviations over the draws with labels"
)
MODES = {
    "plain": "own crop",
    "canonical": "canonical crop, not trained on it",
    "trained": "trained on canonical crops",
}

ALONE = "travel-pbc"
"""Name of the bundle that was trained on one microscope, for which BCCD is another laboratory; it is not released."""

BUNDLES = CHECKOUT / "export" / "bundles"

Part = Mapping[str, Any]


def markdown(results: Mapping[str, Any], bundles: Path = BUNDLES) -> str:
    """Return the tables in Markdown, and how they were measured.

    Args:
        results: of the study.
        bundles: folder of the released bundles, with which those that were measured are compared.
    """
    parts = [
        words.markdown(ZERO, zero_rows(results), range(2, len(ZERO))),
        "Recall by class without labels, with the number of cells and 95 % intervals:",
        words.markdown(*_recall(results)),
    ]
    if shots(results):
        header, rows = _few(results)
        parts += ["Adapted to labeled cells, `edgewbc adapt`:", words.markdown(header, rows, range(3, len(header)))]
    notes = _notes(results) + _renewed(results, bundles)
    return "\n\n".join([*parts, _seeds(results), notes]).replace("\n\n\n\n", "\n\n")


def text(results: Mapping[str, Any]) -> str:
    """Return the tables as plain text."""
    tables = [words.table(ZERO, zero_rows(results), left=2)]
    if shots(results):
        header, rows = _few(results)
        tables.append(words.table(header, rows, left=3))
    return "\n\n".join([*tables, *filter(None, [_seeds(results)])])


ZERO = ("bundle, crop", "images", "correct", "accuracy", "mean recall", "accepted", "wrong among accepted")


def zero_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return a line for each bundle, crop and set, without labels."""
    rows = []
    for part in results["parts"].values():
        zero = part["zero_shot"]
        rows.append([
            f"{part['bundle']}, {MODES[part['mode']]}",
            _set(part),
            f"{zero['correct']} of {zero['n']}",
            f"{percent(zero['accuracy'], 1)} ({interval(zero['interval'], 1)})",
            f"{percent(zero['macro'], 1)} ({interval(zero['macro_interval'], 1)})",
            percent(zero["accepted"]["share"], 1),
            _wrong(zero["wrong_accepted"]),
        ])  # fmt: skip
    return rows


def shots(results: Mapping[str, Any]) -> list[int]:
    """Return the numbers of labeled cells per class that were drawn."""
    return sorted({int(number) for part in results["parts"].values() for number in part["few_shots"]})


def _few(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a line for each bundle, crop and external set: what adapting to labeled cells gives."""
    numbers = shots(results)
    header = ["bundle, crop", "images", "figure", "0", *map(str, numbers)]
    rows = []
    for part in results["parts"].values():
        if not part["few_shots"]:
            continue
        zero, every = part["zero_shot"], [part["few_shots"].get(str(number)) for number in numbers]
        first = [f"{part['bundle']}, {MODES[part['mode']]}", part["set"]]
        rows += [
            [*first, "mean recall", percent(zero["macro"], 1), *(_spread(one, "macro") for one in every)],
            [*first, "of the old head, same cells", "", *(_spread(one, "before_macro") for one in every)],
            [*first, "accepted", percent(zero["accepted"]["share"], 1), *(_spread(one, "accepted") for one in every)],
            [*first, "wrong among accepted", _wrong(zero["wrong_accepted"], bounds=False),
             *("-" if one is None else _wrong(one["pooled_wrong_accepted"], bounds=False) for one in every)],
        ]  # fmt: skip
    return header, rows


def _recall(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]], Sequence[int]]:
    """Return recall by class without labels, of the bundles with canonical crops, or of all if there are none."""
    every = list(results["parts"].values())
    shown = [part for part in every if part["mode"] == "trained"] or every
    names = list(dict.fromkeys(name for part in shown for name in part["zero_shot"]["per_class"]))
    rows = [
        [f"{part['bundle']}, {MODES[part['mode']]}", _set(part)]
        + [_one_recall(part["zero_shot"]["per_class"].get(name)) for name in names]
        for part in shown
    ]
    return ["bundle, crop", "images", *names], rows, range(2, 2 + len(names))


def _one_recall(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "-"
    return f"{percent(one['recall'], 1)} of {one['n']} ({interval(one['interval'], 0)})"


def _set(part: Part) -> str:
    return f"{part['set']}, in-domain" if part["home"] else str(part["set"])


def _wrong(found: Mapping[str, Any], bounds: bool = True) -> str:
    if found["share"] is None:
        return "-"
    shown = f"{percent(found['share'], 1)}"
    return f"{shown} ({interval(found['interval'], 1)})" if bounds else shown


def _spread(found: Mapping[str, Any] | None, name: str) -> str:
    if found is None:
        return "-"
    return f"{100 * found[name]['mean']:.1f} +- {100 * found[name]['deviation']:.1f} %"


def _seeds(results: Mapping[str, Any]) -> str:
    """Return the spread over trainings with several seeds; empty if there is none."""
    lines = []
    for recipe, found in results["seeds"].items():
        each = ", ".join(
            f"{name} {100 * one['macro']['mean']:.1f} +- {100 * one['macro']['deviation']:.1f} %"
            for name, one in found["sets"].items()
        )
        lines.append(f"{recipe}, {len(found['model_sha256'])} trainings with different seeds, mean recall without "
                     f"labels: {each}.")  # fmt: skip
    return "\n\n".join(lines)


def _notes(results: Mapping[str, Any]) -> str:
    """Return how the figures were measured."""
    repeats = sorted({part["repeats"] for part in results["parts"].values()})
    counted = {part["set"]: part["zero_shot"]["macro_classes"] for part in results["parts"].values()}
    classes = "; ".join(f"{name}: {', '.join(names)}" for name, names in counted.items())
    manifests = ", ".join(
        f"{one['source']} `{one['protocol']}` `{one['manifest_sha256'][:12]}`" for one in results["sets"].values()
    )
    alone = ""
    if any(part["bundle"] == ALONE for part in results["parts"].values()):
        alone = f" `{ALONE}` is the network that `wbc5-travel` was made from, trained on PBC alone."
    return (
        "In-domain: the test split of the laboratory whose images the bundle was trained on. Mean recall is over the "
        f"classes with at least 12 cells ({classes}); its interval is from a bootstrap within classes. Accepted is "
        "what `classify` counts: neither for review nor unfamiliar, with the bundle's own thresholds. Cells of fields "
        "are cut out as by hand for a bundle with its own crop. Copies of an image count once. Adapted: means and "
        "standard deviations over "
        f"{' or '.join(map(str, repeats))} draws, measured on the cells that were not drawn; a class with fewer cells "
        "gives all but two: the recall of such a class is that of two cells per draw, and mean recalls are to be "
        "compared with the old head's on the same cells. Where the drawn cells do not show a gain, the old head is "
        "kept, as `edgewbc adapt` does. A bundle that looks at several views of a cell labels it by their mean, before "
        "and after it is adapted. "
        "Wrong among accepted: of all draws together. JTSC was looked at during development (that a second microscope "
        "helps, that the old head's logits are to be scaled, with equal prior weights, that cells are judged by the "
        "mean of their views, and that each of two preparations has a profile), so its figures are somewhat "
        "optimistic; nothing was trained on it. "
        f"Sets that a bundle was trained on are left out.{alone} Manifests: {manifests}."
    )


def _renewed(results: Mapping[str, Any], bundles: Path) -> str:
    """Return a sentence on bundles that have another manifest by now, which decides labels and what is accepted."""
    renewed = []
    for name, part in {part["bundle"]: part for part in results["parts"].values()}.items():
        if (bundles / name).is_dir():
            bundle = Bundle.open(bundles / name)
            if bundle.sums["manifest.json"] != part["manifest_json_sha256"]:
                renewed.append(
                    f"`{name}`" + ("" if bundle.model_sha256() == part["model_sha256"] else " (its network, too)")
                )
    if not renewed:
        return ""
    return (
        " Thresholds, familiarity or the views that the label is taken from were renewed after this was measured: "
        f"{', '.join(renewed)}; labels or what is accepted differ by now."
    )

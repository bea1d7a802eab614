"""`edgewbc adapt`: fit a bundle's head to a laboratory's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgewbc.cli.console import emit, left_out, progress, say, wrote
from edgewbc.cli.options import InferenceThreads, Json

if TYPE_CHECKING:
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.decision.shots import ShotsRow
    from edgewbc.lab.adapt import Adaptation
    from edgewbc.lab.head_comparison import HeadComparison
    from edgewbc.lab.labeled_cells import LabeledFile
    from edgewbc.smear.microscope import Profile


def command(
    model: Annotated[Path | None, typer.Argument(help="Bundle to adapt. [default: the shipped one]")] = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            help="Labeled cells: one folder per class, a CSV with the columns path and label, or a signed case or a "
            "folder of cases."
        ),
    ] = None,
    unlabeled: Annotated[
        Path | None, typer.Option("--unlabeled", "--unlabelled", help="Folder of cells without labels.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the new bundle. [default: bundles/<name>-adapted]")] = None,
    shots: Annotated[
        str | None,
        typer.Option(help="Only evaluate: adapt to repeated draws of so many cells per class, such as 2,5,10."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Draws for each number of --shots.")] = 20,
    microscope: Annotated[
        Path | None, typer.Option(help="Profile of the microscope. [default: learned from the given images]")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write the bundle even if it is not shown to be better.")
    ] = False,
    threads: InferenceThreads = None,
    as_json: Json = False,
) -> None:
    """Adapt a bundle to your microscope with a few labeled cells, and measure what that gains.

    The accuracy before and after is measured on your cells by cross-validation, each cell with a head that has not
    seen it. If the adapted head is not better, nothing is written and the exit code is 3. Classes without cells keep
    their old weights. The new bundle is for OpenVINO.

    With --unlabeled alone, the bundle trains itself on cells without labels. Its accuracy cannot be measured then.

    \b
    Example:
      edgewbc adapt --cells my-cells --to bundles/ours
      edgewbc adapt --cells my-cells --shots 2,5,10
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cases import training
    from edgewbc.cli import defaults
    from edgewbc.errors import UserError
    from edgewbc.images import discover
    from edgewbc.lab import adapt

    if cells is None and (unlabeled is None or shots is not None):
        raise UserError("name labeled cells with --cells, or cells without labels with --unlabeled")
    bundle = Bundle.open(defaults.bundle(model))
    files = training.labeled_files(cells, bundle.classes) if cells is not None else []
    others = discover.find([unlabeled]) if unlabeled is not None else []
    profile = profile_of(bundle, microscope, [*(file.path for file in files), *others])
    if shots is not None:
        rows, drawn, count = adapt.shots(
            bundle, files, _numbers(shots), repeats=repeats, profile=profile, threads=threads, progress=progress
        )
        if as_json:
            emit({"bundle": bundle.name, "cells": count, "classes": list(drawn),
                  "rows": [row.to_json() for row in rows]})  # fmt: skip
        else:
            print(_shots_table(rows))
            say(f"{count} different images; mean recall over {', '.join(drawn)}; measured on the cells not drawn")
        return
    target = to or Path("bundles") / f"{bundle.name}-adapted"
    found = adapt.run(bundle, files, others, profile=profile, threads=threads, progress=progress)
    _report_errors(found, files)
    _finish(found, target, force, as_json)


def _finish(found: Adaptation, target: Path, force: bool, as_json: bool) -> None:
    from edgewbc.errors import GateError
    from edgewbc.lab import adapted_bundle

    measured = found.seen is not None
    keep = measured and not found.gains and not force
    made = None if keep else adapted_bundle.write(found, target)
    if as_json:
        emit({**found.to_json(), "bundle": None if made is None else str(target), "kept": keep})
    else:
        print(_summary(found))
    if made is not None:
        if not as_json:
            print(adapted_bundle.review_sentence(made))
        wrote(target)
        say("it holds OpenVINO files only: an ONNX file cannot be adapted on this PC")
    if keep:
        raise GateError(f"kept {found.bundle.name}, nothing was written: {_why(found.comparison)}, or use --force")


def _why(compared: HeadComparison | None) -> str:
    """Return why the adapted head is not kept, and what to do."""
    from edgewbc.lab.head_comparison import MIN_AGREEMENT

    if compared is None:
        return "no cell could be held out. Label more cells of each class"
    if compared.agreement < MIN_AGREEMENT:
        return (
            f"the labels hardly agree with what the cells look like (Cohen's kappa {compared.agreement:.2f}): labels "
            "or files may be mixed up. Check them"
        )
    return "the adapted head is not better on them. Label more cells of each class"


def _summary(found: Adaptation) -> str:
    from edgewbc.utils.text import interval, percent, table

    lines = []
    if found.counts:
        lines.append("labeled: " + ", ".join(f"{count} {name}" for name, count in found.counts.items()))
    if found.missing:
        lines.append(f"without labels, as before: {', '.join(found.missing)}")
    if found.changed is not None:
        lines.append(f"unlabeled: {found.unlabeled} cells; self-training changes the label of {percent(found.changed)}")
    elif found.unlabeled:
        lines.append(f"unlabeled: {found.unlabeled} cells, too few or too familiar to learn from: not used")
    if (compared := found.comparison) is not None:
        rows = [
            [name, str(each.n), str(each.correct), percent(each.accuracy), interval(each.interval),
             percent(each.balanced_accuracy)]
            for name, each in (("before", compared.before), ("after", compared.after))
        ]  # fmt: skip
        lines.append(table(["head", "cells", "correct", "accuracy", "95 % interval", "mean recall"], rows))
        lines.append(
            f"right before only: {compared.mcnemar.b}; after only: {compared.mcnemar.c} "
            f"(McNemar, p = {compared.mcnemar.p:.3f})"
        )
    else:
        lines.append("accuracy: not measured, because no labeled cell could be held out")
    return "\n".join(lines)


def _shots_table(rows: list[ShotsRow]) -> str:
    from edgewbc.utils.text import table

    def shown(value: Any) -> str:
        return f"{100 * value.mean:.1f} +- {100 * value.deviation:.1f}"

    lines = [["0", "", shown(rows[-1].accuracy_before), shown(rows[-1].macro_before)]]
    lines += [[str(row.shots), str(row.repeats), shown(row.accuracy), shown(row.macro)] for row in rows]
    return table(["cells per class", "draws", "accuracy, %", "mean recall, %"], lines, left=0)


def _report_errors(found: Adaptation, files: list[LabeledFile]) -> None:
    if found.seen is None or not found.seen.errors:
        return
    left_out([(files[index].path, reason) for index, reason in found.seen.errors])


def _numbers(text: str) -> list[int]:
    from edgewbc.errors import UserError

    parts = [part.strip() for part in text.replace("|", ",").split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--shots {text}: write numbers of cells per class, such as 2,5,10")
    return sorted({int(part) for part in parts})


def profile_of(bundle: Bundle, given: Path | None, images: list[Path]) -> Profile | None:
    """Return the profile of the microscope: the given one, else one learned from the images."""
    from edgewbc.errors import UserError
    from edgewbc.lab import adapt
    from edgewbc.smear.microscope import Profile
    from edgewbc.utils.files import read_json

    if given is not None:
        try:
            return Profile.from_json(read_json(given, "a microscope profile"))
        except ValueError as error:
            raise UserError(f"{given}: {error}") from None
    found = adapt.learn_profile(bundle, images)
    if found is not None:
        say(f"microscope: learned from {found.images} of the images ({found.cells} white cells)")
        for problem in found.problems:
            say(f"microscope: {problem}")
    return found

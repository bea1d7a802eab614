"""Tables of a quantization report (`quantize.json`) for the terminal."""

from __future__ import annotations

from edgewbc.compress.isa_check import IsaComparison
from edgewbc.compress.quantization_report import Measurements
from edgewbc.compress.sensitivity import OutputChange, Sensitivity
from edgewbc.export.validation import EvidenceRow
from edgewbc.metrics import Accuracy
from edgewbc.utils.text import interval, percent, table


def accuracy(measured: Measurements) -> str:
    """Return a table with one row per saved file: accuracy, drop and number of layers in int8.

    After quantization-aware fine-tuning, the first row is the float network that it started from.
    """
    rows = []
    float_name = "to f32"
    if measured.parent is not None:
        float_name = "to its parent"
        rows.append(["parent, in float", *_counted(measured.parent), "-", "-"])
    for row in measured.validation:
        lost = layers = "-"
        if row.precision == "int8":
            lost = f"{0 - 100 * measured.drop[row.backend].drop:+.2f} points"
            kept = measured.operations[row.backend]
            layers = f"{len(kept['int8'])} of {len(kept['int8']) + len(kept['float'])}"
        rows.append([f"{row.backend} {row.precision}", *_counted(row), lost, layers])
    counted = f"validation, protocol {measured.protocol}"
    return table(["saved file", counted, "accuracy", "95 % interval", float_name, "layers in int8"], rows)


def sensitivity(found: Sensitivity) -> str:
    """Return a table with one row per layer, the most sensitive first, and a last row for all layers."""
    rows = [[row.layer.layer, row.kind, f"{row.layer.macs / 1e6:.2f} M", *_changed(row.change)] for row in found.layers]
    rows.append(["all of them", "", "", *_changed(found.all)])
    header = ["alone in int8", "kind", "MACs", "KL, nats", "same label", "largest difference", "accuracy"]
    of = f"of {found.n} validation images, protocol {found.data.protocol}, against the float network:\n"
    return of + table(header, rows)


def isa(found: IsaComparison) -> str:
    """Return a table of the int8 file on both kinds of CPU, or a line if there was nothing to compare."""
    if found.same_isa:
        return f"this CPU ({found.native.isa}) is the one that would be simulated: nothing was compared"
    rows = [
        [f"{name}: {run.isa}", *_counted(run.counted)]
        for name, run in (("native", found.native), ("simulated", found.avx2))
    ]
    return (
        table(["OpenVINO int8 on", f"validation, protocol {found.data.protocol}", "accuracy", "95 % interval"], rows)
        + f"\nsame label on {percent(found.change.agreement)}; largest difference in a probability "
        f"{found.change.largest_difference:.4f}"
    )


def _counted(row: Accuracy | EvidenceRow) -> list[str]:
    return [f"{row.correct} of {row.n}", percent(row.accuracy), interval(row.interval)]


def _changed(change: OutputChange) -> list[str]:
    return [
        f"{change.kl:.2e}",
        percent(change.agreement),
        f"{change.largest_difference:.4f}",
        f"{0 - 100 * change.drop:+.2f} points",
    ]

"""Tables of a quantization report (`quantize.json`) for the terminal."""

from __future__ import annotations

from typing import Any

from edgewbc.utils.text import interval, percent, table


def accuracy(record: dict[str, Any]) -> str:
    """Return a table with one row per saved file: accuracy, drop and number of layers in int8.

    After quantization-aware fine-tuning, the first row is the float network that it started from.
    """
    rows = []
    float_name = "to f32"
    if "parent" in record:
        float_name = "to its parent"
        rows.append(["parent, in float", *_counted(record["parent"]), "-", "-"])
    for row in record["validation"]:
        int8 = row["precision"] == "int8"
        lost = layers = "-"
        if int8:
            lost = f"{0 - 100 * record['drop'][row['backend']]['drop']:+.2f} points"
            kept = record["operations"][row["backend"]]
            layers = f"{len(kept['int8'])} of {len(kept['int8']) + len(kept['float'])}"
        rows.append([f"{row['backend']} {row['precision']}", *_counted(row), lost, layers])
    counted = f"validation, protocol {record['protocol']}"
    return table(["saved file", counted, "accuracy", "95 % interval", float_name, "layers in int8"], rows)


def sensitivity(record: dict[str, Any]) -> str:
    """Return a table with one row per layer, the most sensitive first, and a last row for all layers."""
    found = record["sensitivity"]
    rows = [[row["layer"], row["kind"], f"{row['macs'] / 1e6:.2f} M", *_changed(row)] for row in found["layers"]]
    rows.append(["all of them", "", "", *_changed(found["all"])])
    header = ["alone in int8", "kind", "MACs", "KL, nats", "same label", "largest difference", "accuracy"]
    of = f"of {found['n']} validation images, protocol {record['protocol']}, against the float network:\n"
    return of + table(header, rows)


def isa(record: dict[str, Any]) -> str:
    """Return a table of the int8 file on both kinds of CPU, or a line if there was nothing to compare."""
    found = record["isa"]
    native, limited = found["native"], found["avx2"]
    if found["same_isa"]:
        return f"this CPU ({native['isa']}) is the one that would be simulated: nothing was compared"
    rows = [
        [f"{name}: {row['isa']}", *_counted({**row, "n": found["n"]})]
        for name, row in (("native", native), ("simulated", limited))
    ]
    return (
        table(["OpenVINO int8 on", f"validation, protocol {record['protocol']}", "accuracy", "95 % interval"], rows)
        + f"\nsame label on {percent(found['agreement'])}; largest difference in a probability "
        f"{found['largest_difference']:.4f}"
    )


def _counted(row: dict[str, Any]) -> list[str]:
    return [f"{row['correct']} of {row['n']}", percent(row["accuracy"]), interval(row["interval"])]


def _changed(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['kl']:.2e}",
        percent(row["agreement"]),
        f"{row['largest_difference']:.4f}",
        f"{0 - 100 * row['drop']:+.2f} points",
    ]

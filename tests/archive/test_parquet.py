"""The table as Parquet: the values of the CSV, in each of its styles."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgewbc.archive import parquet
from edgewbc.lab.csv_table import CsvStyle, csv_columns, write_csv
from edgewbc.lab.results import ResultRow, Status

pytestmark = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed (extra archive)")

CLASSES = ("neutrophil", "eosinophil")
ROWS = [
    ResultRow("a.jpg", "neutrophil", 0.75, {"neutrophil": 0.75, "eosinophil": 0.25}, box=(1, 2, 3, 4), cell=2),
    ResultRow("line\nbreak, 1.jpg", "", None, status=Status.ERROR, reason='a "reason"; so'),
]


@pytest.mark.parametrize("style", list(CsvStyle))
@pytest.mark.parametrize("by_cell", [False, True])
def test_values(style: CsvStyle, by_cell: bool, tmp_path: Path) -> None:
    """Numbers are numbers, and an empty one is null; texts stay as they are."""
    from pyarrow import parquet as reader

    table = tmp_path / "a.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        write_csv(ROWS, CLASSES, file, style=style, by_cell=by_cell)
    to = parquet.path_of(table)
    parquet.write(table, to, style=style, classes=len(CLASSES))
    first, second = reader.read_table(to).to_pylist()
    assert list(first) == csv_columns(CLASSES, by_cell)
    cell = {"cell": 2, "box": "1 2 3 4"} if by_cell else {}
    assert first == {
        "path": "a.jpg",
        "label": "neutrophil",
        "probability": 0.75,
        "neutrophil": 0.75,
        "eosinophil": 0.25,
        **cell,
        "status": "ok",
        "reason": "",
        "model_sha256": "",
    }
    assert (second["path"], second["label"], second["probability"]) == ("line\nbreak, 1.jpg", "", None)
    assert second["reason"] == 'a "reason"; so'
    parquet.check(to)  # may be replaced


@pytest.mark.parametrize("style", list(CsvStyle))
@pytest.mark.parametrize("by_cell", [False, True])
def test_classes_of_any_name(style: CsvStyle, by_cell: bool, tmp_path: Path) -> None:
    """A class may be named as another column, or with what separates columns: values stay in their places."""
    from pyarrow import parquet as reader

    classes = ("status", "band, seg", 'the "other"; ones', "cell")
    row = ResultRow("a.jpg", "status", 0.4, dict(zip(classes, (0.4, 0.3, 0.2, 0.1), strict=True)), cell=3)
    table = tmp_path / "a.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        write_csv([row, ROWS[1]], classes, file, style=style, by_cell=by_cell)
    parquet.write(table, tmp_path / "a.parquet", style=style, classes=len(classes))
    found = reader.ParquetFile(tmp_path / "a.parquet").read()
    assert found.column_names == csv_columns(classes, by_cell)
    values = [column.to_pylist() for column in found.columns]
    assert values[:3] == [["a.jpg", "line\nbreak, 1.jpg"], ["status", ""], [0.4, None]]
    assert values[3:7] == [[0.4, None], [0.3, None], [0.2, None], [0.1, None]]
    assert values[7:-3] == ([[3, 0], ["", ""]] if by_cell else [])
    assert values[-3] == ["ok", "error"]

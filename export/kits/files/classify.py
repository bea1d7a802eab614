"""Classify what was dragged onto `classify`, and write the table beside it: what `classify` runs.

Run by the Python that `install` set up. Standard library only; the work is done by `edgewbc classify`.
"""

from __future__ import annotations

import csv
import ctypes
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

KIT = Path(__file__).resolve().parents[1]
WINDOWS = os.name == "nt"
PERSONAL = 5  # what SHGetFolderPathW calls the Documents folder


def dropped(line: str) -> list[str]:
    r"""The names in cmd.exe's command line as Explorer writes it when files are dropped onto a batch file.

    Such as `cmd.exe /c ""C:\kit\classify.bat" C:\R&D "C:\smear 17""`: names with a space are quoted, others are not,
    whatever else is in them.
    """
    after = re.search(r'""[^"]*\.bat"', line, re.IGNORECASE)
    rest = line[after.end() :].rstrip() if after else ""
    if rest.count('"') % 2:  # the quote that closes the whole line
        rest = rest[: rest.rindex('"')] + rest[rest.rindex('"') + 1 :]
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^\s"]+)', rest)]


def asked() -> list[str]:
    """Ask for a folder: a terminal types the name of what is dragged into it."""
    try:
        line = input("Drag the folder of cell pictures into this window, then press Enter: ").strip()
    except EOFError:
        return []
    if WINDOWS:
        return [line.strip('"')] if line.strip('"') else []
    try:
        return shlex.split(line)
    except ValueError:
        return [line]


def place(paths: Sequence[Path]) -> Path:
    """The table's file: beside the folder that was dropped, or in Documents where that cannot be written to.

    `smear-17.csv` for a folder or a picture of that name, `a and 3 more.csv` for several.
    """
    first = paths[0]
    name = (first.name if first.is_dir() else first.stem) or f"drive {first.drive[:1]}".strip()
    if len(paths) > 1:
        name += f" and {len(paths) - 1} more"
    folder = first.parent
    if first.parent == first or not _writable(folder):
        folder = _documents() / "edgewbc"
        folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.csv"


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _documents() -> Path:
    if WINDOWS:
        found = ctypes.create_unicode_buffer(260)
        if ctypes.windll.shell32.SHGetFolderPathW(None, PERSONAL, None, 0, found) == 0:
            return Path(found.value)
    documents = Path.home() / "Documents"
    return documents if documents.is_dir() else Path.home()


def statuses(table: Path) -> Counter[str]:
    """How many rows of the table have each status: ok, review, error."""
    with table.open(encoding="utf-8", newline="") as file:
        return Counter(row["status"] for row in csv.DictReader(file))


def main(arguments: Sequence[str]) -> int:
    """Classify; the exit code of `edgewbc classify`."""
    if not (Path(sys.prefix) / "ready").is_file():
        print("The installation on this PC was not finished: run install again.")
        return 2
    line = os.environ.get("EDGEWBC_LINE", "")
    names = list(arguments) or (dropped(line) if line else []) or asked()
    if not names:
        print("Nothing was dragged here: drag a folder of cell pictures onto classify.")
        return 2
    paths = [Path(os.path.abspath(name)) for name in names]  # noqa: PTH100  (a link stays what it is called)
    missing = [path for path in paths if not path.exists()]
    if missing:
        print(f"{missing[0]}: no such folder or picture. Drag it here again.")
        return 2
    table = place(paths)
    try:
        if table.exists():
            with table.open("r+b"):
                pass
    except OSError:
        print(f"{table}: is open in another program: close it there (Excel?), then drag the folder here again.")
        return 2
    command = [sys.executable, "-I", "-m", "edgewbc", "classify", *paths]
    command += ["--model", KIT / "files" / "model", "--out", table]
    code = subprocess.call([str(part) for part in command])  # noqa: S603
    if table.is_file() and code == 0:
        count = statuses(table)
        print(f"\nTable: {table}")
        print(f"To review by a person: {count['review']} of {count.total()} pictures (status review in the table)")
        if count["error"]:
            print(f"Could not be read: {count['error']} (status error in the table, with the reason)")
        print("A research tool, not a medical device.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Classify the folders or images dropped onto `classify.bat` or `classify.desktop`, and write a table next to them.

Runs in the Python that `install` set up. Standard library only; `edgewbc classify` does the work.
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
PERSONAL = 5  # CSIDL_PERSONAL: the Documents folder, for SHGetFolderPathW


def dropped(line: str) -> list[str]:
    r"""Return the names in cmd.exe's command line, as Explorer writes it when files are dropped onto a batch file.

    For example `cmd.exe /c ""C:\kit\classify.bat" C:\R&D "C:\smear 17""`: names with a space are quoted, others are
    not, whatever other characters they contain.
    """
    after = re.search(r'""[^"]*\.bat"', line, re.IGNORECASE)
    rest = line[after.end() :].rstrip() if after else ""
    if rest.count('"') % 2:  # the closing quote of the whole line
        rest = rest[: rest.rindex('"')] + rest[rest.rindex('"') + 1 :]
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^\s"]+)', rest)]


def prompt() -> list[str]:
    """Ask for a folder and return its name. Terminals insert the name of a folder that is dragged into the window."""
    try:
        line = input("Drag the folder of cell images into this window, then press Enter: ").strip()
    except EOFError:
        return []
    if WINDOWS:
        return [line.strip('"')] if line.strip('"') else []
    try:
        return shlex.split(line)
    except ValueError:
        return [line]


def table_path(paths: Sequence[Path]) -> Path:
    """Return the path of the table: next to the first input, or in Documents if that folder is read-only.

    The name is `smear-17.csv` for a folder or an image of that name, and `a and 3 more.csv` for several.
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
        if ctypes.windll.shell32.SHGetFolderPathW(None, PERSONAL, None, 0, found) == 0:  # type: ignore[attr-defined]
            return Path(found.value)
    documents = Path.home() / "Documents"
    return documents if documents.is_dir() else Path.home()


def csv_style() -> str:
    """Return the style of CSV that the spreadsheet program of this PC opens on a double click.

    On Windows it depends on the list separator of the region, which is a semicolon where the decimal sign is a comma.
    """
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, r"Control Panel\International") as key:
                return "excel" if winreg.QueryValueEx(key, "sList")[0] == ";" else "plain"
        except OSError:
            return "plain"
    return "plain"


def statuses(table: Path) -> Counter[str]:
    """Count the rows of the table by status: ok, review, unfamiliar or error."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        delimiter = ";" if file.readline().startswith("path;") else ","
        file.seek(0)
        return Counter(row["status"] for row in csv.DictReader(file, delimiter=delimiter))


def main(arguments: Sequence[str]) -> int:
    """Classify the given or dropped paths. Returns the exit code of `edgewbc classify`, or 2 if it was not started."""
    if not (Path(sys.prefix) / "ready").is_file():
        print("The installation on this PC is not complete: run install again.")
        return 2
    if not (KIT / "files" / "model" / "SHA256SUMS").is_file():
        print("The model is missing from this kit: copy the kit again, then run install again.")
        return 2
    line = os.environ.get("EDGEWBC_LINE", "")
    names = list(arguments) or (dropped(line) if line else []) or prompt()
    if not names:
        print("No folder was given: drag a folder of cell images onto classify.")
        return 2
    paths = [Path(os.path.abspath(name)) for name in names]  # noqa: PTH100  (keeps the name of a link)
    missing = [path for path in paths if not path.exists()]
    if missing:
        print(f"{missing[0]}: no such folder or image. Drag it here again.")
        return 2
    table = table_path(paths)
    try:
        if table.exists():
            with table.open("r+b"):
                pass
    except OSError:
        print(f"{table}: is open in another program, such as Excel: close it there, then drag the folder here again.")
        return 2
    command = [sys.executable, "-I", "-m", "edgewbc", "classify", *paths]
    command += ["--model", KIT / "files" / "model", "--csv", csv_style(), "--out", table]
    if (keys := KIT / "files" / "trusted-keys.txt").is_file():
        command += ["--trust", keys, "--require-signature"]
    code = subprocess.call([str(part) for part in command])  # noqa: S603
    if table.is_file() and code == 0:
        count = statuses(table)
        print(f"\nTable: {table}")
        print(f"To be reviewed by a person: {count['review']} of {count.total()} images (status review in the table)")
        if count["unfamiliar"]:
            print(f"Unlike the training cells, not counted: {count['unfamiliar']} (status unfamiliar in the table)")
        if count["error"]:
            print(f"Could not be read: {count['error']} (status error in the table, with the reason)")
        print("A research tool, not a medical device.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

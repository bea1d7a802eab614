"""Tests of export/kits/files/install.py and classify.py, the scripts that a kit's launchers run."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.utils import resources
from tests.kit.conftest import Made


def load(name: str) -> ModuleType:
    """Import a script of the kit as a module."""
    path = resources.folder("export/kits") / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"kit_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


install, classify = load("install"), load("classify")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
linux_only = pytest.mark.skipif(os.name == "nt", reason="only on Linux")


@pytest.fixture
def copied(linux: Made, tmp_path: Path) -> Path:
    """A copy of the kit for Linux, to be damaged."""
    return Path(shutil.copytree(linux.folder, tmp_path / "kit copied & ü"))


def test_a_changed_or_missing_file_is_named(copied: Path) -> None:
    """A complete kit passes; a changed file, a missing file and a missing list are errors that name the file."""
    assert install.verify(copied) == len((copied / "SHA256SUMS").read_text().splitlines())
    guide = (copied / "guide.html").read_bytes()
    (copied / "guide.html").write_bytes(guide + b" ")
    with pytest.raises(install.NotReadyError, match="guide.html is damaged"):
        install.verify(copied)
    (copied / "guide.html").unlink()
    with pytest.raises(install.NotReadyError, match="guide.html is missing"):
        install.verify(copied)
    (copied / "SHA256SUMS").unlink()
    with pytest.raises(install.NotReadyError, match="SHA256SUMS is missing"):
        install.verify(copied)


def test_an_empty_list_is_refused(copied: Path) -> None:
    """An empty SHA256SUMS checks nothing, so it does not pass."""
    (copied / "SHA256SUMS").write_text("")
    with pytest.raises(install.NotReadyError, match="is not listed in SHA256SUMS"):
        install.verify(copied)


def test_every_file_of_the_kit_must_be_listed(copied: Path) -> None:
    """Whichever line is missing from SHA256SUMS, the kit is refused, whether or not the file is there."""
    lines = (copied / "SHA256SUMS").read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines):
        name = line.rstrip("\n").partition("  ")[2]
        (copied / "SHA256SUMS").write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        with pytest.raises(install.NotReadyError, match=re.escape(f"{name} is not listed in SHA256SUMS")):
            install.verify(copied)
    (copied / "SHA256SUMS").write_text("".join(lines[:-3]), encoding="utf-8")
    with pytest.raises(install.NotReadyError, match="is not listed in SHA256SUMS"):
        install.verify(copied)


def test_a_list_that_is_cut_with_its_files_is_refused(copied: Path) -> None:
    """A wheel that is missing from the folder and from the list is still named by kit.json."""
    wheel = next((copied / "files" / "wheels").glob("numpy-*"))
    wheel.unlink()
    lines = (copied / "SHA256SUMS").read_text(encoding="utf-8").splitlines(keepends=True)
    (copied / "SHA256SUMS").write_text("".join(line for line in lines if wheel.name not in line), encoding="utf-8")
    with pytest.raises(install.NotReadyError, match=f"files/wheels/{wheel.name} is not listed in SHA256SUMS"):
        install.verify(copied)


def test_a_file_that_does_not_belong_to_the_kit_is_refused(copied: Path) -> None:
    """An extra wheel is an error; what file managers and the installation itself leave behind is not."""
    count = install.verify(copied)
    (copied / "files" / "Thumbs.db").touch()
    (copied / "venv").mkdir()
    (copied / "venv" / "pyvenv.cfg").touch()
    (copied / "classify.desktop").touch()
    assert install.verify(copied) == count
    (copied / "files" / "wheels" / "extra-1.0-py3-none-any.whl").touch()
    with pytest.raises(install.NotReadyError, match="extra-1.0-py3-none-any.whl is not listed"):
        install.verify(copied)


@pytest.mark.parametrize("which", ["windows", "linux"])
def test_a_kit_passes_its_own_check(which: str, request: pytest.FixtureRequest) -> None:
    """`install` accepts the list that `edgewbc kit` wrote."""
    made: Made = request.getfixturevalue(which)
    assert install.verify(made.folder) == made.kit.files


@linux_only
@pytest.mark.skipif(platform.machine() != "x86_64", reason="kits are for x86-64")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"platform": "windows"}, "this kit is for windows"),
        ({"pythons": ["3.99"]}, f"this kit is for Python 3.99, and this is Python {HERE}"),
        ({"glibc": [2, 999]}, "needed is 2.999 or later"),
    ],
)
def test_another_pc_is_refused(change: dict[str, object], words: str) -> None:
    """A kit for another system, Python or glibc is one line; a kit for this PC passes."""
    facts = {"platform": "linux", "pythons": [HERE], "glibc": [2, 17]}
    install.check(facts)
    if "glibc" in change and platform.libc_ver()[0] != "glibc":
        pytest.skip("another libc")
    with pytest.raises(install.NotReadyError, match=words):
        install.check(facts | change)


@linux_only
def test_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit's folder comes first, then the user's data folder; neither is created."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert install.homes(tmp_path / "kit") == [tmp_path / "kit", tmp_path / "data" / "edgewbc" / "kit"]
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install.homes(tmp_path / "kit")[1] == tmp_path / ".local/share/edgewbc/kit"
    assert list(tmp_path.iterdir()) == []
    assert not install._writable(Path("/proc/nothing"))


def test_what_classify_needs_goes_along(linux: Made, tmp_path: Path) -> None:
    """Model, script, launcher and guide are copied to another home, wheels are not; a second run changes nothing."""
    for _ in range(2):
        install.settle(linux.folder, tmp_path)
    names = {f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()}
    model = {f"files/model/{name}" for name in [*linux.bundle.sums, "SHA256SUMS"]}
    assert names == model | {"files/classify.py", "files/kit.json", "classify.sh", "guide.html"}
    assert (tmp_path / "classify.sh").stat().st_mode & 0o111
    before = sorted(linux.folder.rglob("*"))
    install.settle(linux.folder, linux.folder)
    assert sorted(linux.folder.rglob("*")) == before


@linux_only
def test_desktop_entry(tmp_path: Path) -> None:
    """Unescaped and split as a desktop does, the command is the script's path, with any special character."""
    home = tmp_path / 'a "b" $c `d` 100%u é'
    home.mkdir()
    install.desktop_entry(home)
    lines = dict(
        line.split("=", 1) for line in (home / "classify.desktop").read_text(encoding="utf-8").splitlines()[1:]
    )
    command = lines["Exec"].replace("\\\\", "\\").removesuffix(" %F").replace("%%", "%")
    assert (command[0], command[-1]) == ('"', '"')
    assert re.sub(r'\\(["`$\\])', r"\1", command[1:-1]) == str(home / "classify.sh")
    assert lines["Terminal"] == "true"
    assert (home / "classify.desktop").stat().st_mode & 0o100


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (r'C:\Windows\system32\cmd.exe /c ""C:\kit\classify.bat" C:\smear "', [r"C:\smear"]),
        (r'cmd /c ""C:\kit\classify.bat" C:\R&D^1!"', [r"C:\R&D^1!"]),
        (r'cmd /c ""C:\a b & (c)\classify.bat" "D:\x y" D:\z"', [r"D:\x y", r"D:\z"]),
        (r'"C:\Windows\System32\cmd.exe" /C ""E:\Classify.BAT" "E:\Blut ÄÖ 血"', [r"E:\Blut ÄÖ 血"]),
        (r'cmd /c ""C:\kit\classify.bat" "', []),
        (r'cmd /c ""C:\kit\classify.bat""', []),
        ("cmd.exe", []),
    ],
)
def test_what_explorer_dropped(line: str, names: list[str]) -> None:
    """Names are taken from the command line, quoted or not, with characters that cmd would split at."""
    assert classify.dropped(line) == names


letters = st.characters(
    codec="utf-8", exclude_characters='"<>|:*?/\\', exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")
)
name = st.lists(st.text(letters, min_size=1), min_size=1, max_size=3).map(" ".join)


@given(st.lists(name, max_size=4), name)
def test_any_name_that_windows_allows_comes_through(names: list[str], kit: str) -> None:
    """Explorer quotes a name only if it contains a space."""
    paths = [f"C:\\{name}" for name in names]
    written = " ".join(f'"{path}"' if " " in path else path for path in paths)
    assert classify.dropped(f'C:\\Windows\\cmd.exe /c ""D:\\{kit}\\classify.bat" {written}"') == paths


def test_path_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is next to what was dropped, or in Documents if that folder is read-only."""
    folder = tmp_path / "smear.17 & ü"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert classify.table_path([folder]) == tmp_path / "smear.17 & ü.csv"
    assert classify.table_path([folder / "a.jpg"]) == folder / "a.csv"
    assert classify.table_path([folder / "a.jpg", folder / "b.jpg"]) == folder / "a and 1 more.csv"
    (tmp_path / "home" / "Documents").mkdir(parents=True)
    monkeypatch.setattr(classify, "_documents", lambda: tmp_path / "home" / "Documents")
    monkeypatch.setattr(classify, "_writable", lambda folder: False)
    assert classify.table_path([folder]) == tmp_path / "home" / "Documents" / "edgewbc" / "smear.17 & ü.csv"
    assert classify.table_path([Path("/")]) == tmp_path / "home" / "Documents" / "edgewbc" / "drive.csv"


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], code: int = 0, ready: bool = True
) -> tuple[int, list[list[str]]]:
    """Run classify.py with a fake edgewbc that writes a table. Returns the exit code and the commands it ran."""
    ran: list[list[str]] = []

    def call(command: list[str]) -> int:
        ran.append(command)
        Path(command[-1]).write_text("path,status\na,ok\nb,review\nc,review\nd,error\n", encoding="utf-8")
        return code

    if ready:
        (tmp_path / "ready").touch()
    (tmp_path / "kit" / "files" / "model").mkdir(parents=True)
    (tmp_path / "kit" / "files" / "model" / "SHA256SUMS").touch()
    monkeypatch.setattr(classify, "KIT", tmp_path / "kit")
    monkeypatch.setattr(classify.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(classify.subprocess, "call", call)
    return classify.main(arguments), ran


def test_classify_counts_the_cells_to_review(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs `edgewbc classify FOLDER --model ... --out FOLDER.csv` and prints the table's path and the counts."""
    (tmp_path / "smear 17").mkdir()
    code, ran = run(monkeypatch, tmp_path, [str(tmp_path / "smear 17")])
    assert code == 0
    table = str(tmp_path / "smear 17.csv")
    model = str(tmp_path / "kit" / "files" / "model")
    expected = ["classify", str(tmp_path / "smear 17"), "--model", model, "--csv", "plain", "--out", table]
    assert ran == [[sys.executable, "-I", "-m", "edgewbc", *expected]]
    out = capsys.readouterr().out
    assert f"Table: {table}" in out
    assert "To be reviewed by a person: 2 of 4 images" in out
    assert "Could not be read: 1" in out
    assert "not a medical device" in out


def test_the_table_of_a_spreadsheet_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Semicolons and a byte order mark, as `--csv excel` writes them, are read; on Linux it is plain."""
    table = tmp_path / "a.csv"
    table.write_bytes("\ufeffpath;label;status\r\na,b;x;ok\r\nc;x;review\r\n".encode())
    assert classify.statuses(table) == {"ok": 1, "review": 1}
    monkeypatch.setattr(classify.sys, "platform", "linux")
    assert classify.csv_style() == "plain"


def test_classify_takes_the_dropped_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without arguments the names come from cmd's command line."""
    (tmp_path / "R&D").mkdir()
    monkeypatch.setenv("EDGEWBC_LINE", f'cmd /c ""C:\\kit\\classify.bat" {tmp_path / "R&D"}"')
    code, ran = run(monkeypatch, tmp_path, [])
    assert (code, ran[0][5]) == (0, str(tmp_path / "R&D"))


@pytest.mark.parametrize(
    ("arguments", "ready", "words"),
    [
        (["gone"], True, "gone: no such folder or image"),
        ([], True, "No folder was given"),
        (["gone"], False, "run install again"),
    ],
)
def test_classify_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    ready: bool,
    words: str,
) -> None:
    """Bad input is exit code 2 and one line, and edgewbc is not started."""
    monkeypatch.delenv("EDGEWBC_LINE", raising=False)
    monkeypatch.setattr("builtins.input", lambda text: "")
    assert run(monkeypatch, tmp_path, arguments, ready=ready) == (2, [])
    assert words in capsys.readouterr().out


def test_a_failure_of_edgewbc_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code of edgewbc is returned, and no counts are printed."""
    (tmp_path / "cells").mkdir()
    assert run(monkeypatch, tmp_path, [str(tmp_path / "cells")], code=3)[0] == 3
    assert "To be reviewed" not in capsys.readouterr().out


def test_a_folder_dragged_into_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quoted name that a terminal types is parsed; end of input gives no name."""
    monkeypatch.setattr(classify, "WINDOWS", True)
    monkeypatch.setattr("builtins.input", lambda text: '"C:\\smear 17" ')
    assert classify.prompt() == ["C:\\smear 17"]
    monkeypatch.setattr(classify, "WINDOWS", False)
    for typed, names in (("'/a b/c' ", ["/a b/c"]), ("it's", ["it's"]), ("", [])):
        monkeypatch.setattr("builtins.input", lambda text, typed=typed: typed)
        assert classify.prompt() == names

    def end(text: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert classify.prompt() == []


def test_not_ready_is_the_last_line(
    linux: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a damaged kit the exit code is 2 and the last line begins with NOT READY."""
    (tmp_path / "SHA256SUMS").write_text((linux.folder / "SHA256SUMS").read_text())
    monkeypatch.setattr(install, "KIT", tmp_path)
    assert install.main() == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT READY: LICENSES/")
    assert json.loads((linux.folder / "files" / "kit.json").read_text())["format"] == 1


def test_classify_without_a_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kit that lost its model is one line and exit code 2."""
    (tmp_path / "ready").touch()
    monkeypatch.setattr(classify.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(classify, "KIT", tmp_path)
    assert classify.main(["x"]) == 2
    assert "The model is missing from this kit" in capsys.readouterr().out


@pytest.mark.parametrize("script", ["install", "classify"])
def test_children_ignore_the_working_folder(script: str) -> None:
    """Every Python that a script starts runs with -I: a module among the images is never imported."""
    text = (resources.folder("export/kits") / "files" / f"{script}.py").read_text(encoding="utf-8")
    assert text.count('"-m"') == text.count('"-I", "-m"') > 0


@linux_only
def test_launchers_ignore_the_working_folder(linux: Made, tmp_path: Path) -> None:
    """install.sh, started in a folder with a json.py, does not run that file."""
    (tmp_path / "json.py").write_text("open('RAN', 'w')")
    subprocess.run(
        [str(linux.folder / "install.sh")],
        cwd=tmp_path,
        env={**os.environ, "EDGEWBC_NO_PAUSE": "1"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["json.py"]

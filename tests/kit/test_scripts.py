"""What the launchers run on the lab's PC: install.py and classify.py, loaded from their templates."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.utils import resources
from tests.kit.conftest import Made


def load(name: str) -> ModuleType:
    """A template as a module."""
    path = resources.folder("export/kits") / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"kit_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


install, classify = load("install"), load("classify")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
linux_only = pytest.mark.skipif(os.name == "nt", reason="what is done on Linux")


def test_files_are_checked_first(tmp_path: Path) -> None:
    """A whole kit passes; a changed file, a missing one and a missing list are named."""
    (tmp_path / "a b.txt").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a b.txt\n")
    assert install.verify(tmp_path) == 1
    (tmp_path / "a b.txt").write_bytes(b"abd")
    with pytest.raises(install.NotReadyError, match="a b.txt is damaged"):
        install.verify(tmp_path)
    (tmp_path / "a b.txt").unlink()
    with pytest.raises(install.NotReadyError, match="a b.txt is missing"):
        install.verify(tmp_path)
    (tmp_path / "SHA256SUMS").unlink()
    with pytest.raises(install.NotReadyError, match="SHA256SUMS is missing"):
        install.verify(tmp_path)


@pytest.mark.parametrize("which", ["windows", "linux"])
def test_a_kit_passes_its_own_check(which: str, request: pytest.FixtureRequest) -> None:
    """SHA256SUMS as the kit has it is what install reads."""
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
    """Each thing that does not fit is told in one line; what fits passes."""
    told = {"platform": "linux", "pythons": [HERE], "glibc": [2, 17]}
    install.check(told)
    if "glibc" in change and platform.libc_ver()[0] != "glibc":
        pytest.skip("another libc")
    with pytest.raises(install.NotReadyError, match=words):
        install.check(told | change)


@linux_only
def test_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the kit, else in the user's data folder; asking makes no folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert install.homes(tmp_path / "kit") == [tmp_path / "kit", tmp_path / "data" / "edgewbc" / "kit"]
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert install.homes(tmp_path / "kit")[1] == tmp_path / ".local/share/edgewbc/kit"
    assert list(tmp_path.iterdir()) == []
    assert not install._writable(Path("/proc/nothing"))


def test_what_classify_needs_goes_along(linux: Made, tmp_path: Path) -> None:
    """Away from the kit: model, script, launcher and guide are copied, the wheels are not; twice gives the same."""
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
    """Its command, unescaped and split as the desktop does, is the script's path, whatever signs are in it."""
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
    """Names out of cmd's line, quoted or not, with signs that cmd would cut at."""
    assert classify.dropped(line) == names


letters = st.characters(
    codec="utf-8", exclude_characters='"<>|:*?/\\', exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")
)
name = st.lists(st.text(letters, min_size=1), min_size=1, max_size=3).map(" ".join)


@given(st.lists(name, max_size=4), name)
def test_any_name_that_windows_allows_comes_through(names: list[str], kit: str) -> None:
    """As Explorer writes the line: quotes only where there is a space."""
    paths = [f"C:\\{name}" for name in names]
    written = " ".join(f'"{path}"' if " " in path else path for path in paths)
    assert classify.dropped(f'C:\\Windows\\cmd.exe /c ""D:\\{kit}\\classify.bat" {written}"') == paths


def test_the_tables_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what was dropped; in Documents where nothing can be written."""
    folder = tmp_path / "smear.17 & ü"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert classify.place([folder]) == tmp_path / "smear.17 & ü.csv"
    assert classify.place([folder / "a.jpg"]) == folder / "a.csv"
    assert classify.place([folder / "a.jpg", folder / "b.jpg"]) == folder / "a and 1 more.csv"
    (tmp_path / "home" / "Documents").mkdir(parents=True)
    monkeypatch.setattr(classify, "_documents", lambda: tmp_path / "home" / "Documents")
    monkeypatch.setattr(classify, "_writable", lambda folder: False)
    assert classify.place([folder]) == tmp_path / "home" / "Documents" / "edgewbc" / "smear.17 & ü.csv"
    assert classify.place([Path("/")]) == tmp_path / "home" / "Documents" / "edgewbc" / "drive.csv"


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], code: int = 0, ready: bool = True
) -> tuple[int, list[list[str]]]:
    """classify.py with edgewbc replaced by one that writes a table; exit code and the commands that were run."""
    ran: list[list[str]] = []

    def call(command: list[str]) -> int:
        ran.append(command)
        Path(command[-1]).write_text("path,status\na,ok\nb,review\nc,review\nd,error\n", encoding="utf-8")
        return code

    if ready:
        (tmp_path / "ready").touch()
    monkeypatch.setattr(classify.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(classify.subprocess, "call", call)
    return classify.main(arguments), ran


def test_classify_counts_what_is_to_be_reviewed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`edgewbc classify FOLDER --model ... --out FOLDER.csv` is run; the table and the number to review are told."""
    (tmp_path / "smear 17").mkdir()
    code, ran = run(monkeypatch, tmp_path, [str(tmp_path / "smear 17")])
    assert code == 0
    table = str(tmp_path / "smear 17.csv")
    model = str(resources.folder("export/kits") / "files" / "model")
    expected = ["classify", str(tmp_path / "smear 17"), "--model", model, "--out", table]
    assert ran == [[sys.executable, "-I", "-m", "edgewbc", *expected]]
    out = capsys.readouterr().out
    assert f"Table: {table}" in out
    assert "To review by a person: 2 of 4 pictures" in out
    assert "Could not be read: 1" in out
    assert "not a medical device" in out


def test_classify_takes_the_dropped_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With no argument it is cmd's line that counts."""
    (tmp_path / "R&D").mkdir()
    monkeypatch.setenv("EDGEWBC_LINE", f'cmd /c ""C:\\kit\\classify.bat" {tmp_path / "R&D"}"')
    code, ran = run(monkeypatch, tmp_path, [])
    assert (code, ran[0][5]) == (0, str(tmp_path / "R&D"))


@pytest.mark.parametrize(
    ("arguments", "ready", "words"),
    [
        (["gone"], True, "gone: no such folder or picture"),
        ([], True, "Nothing was dragged here"),
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
    """Code 2 and a line; edgewbc is not run."""
    monkeypatch.delenv("EDGEWBC_LINE", raising=False)
    monkeypatch.setattr("builtins.input", lambda text: "")
    assert run(monkeypatch, tmp_path, arguments, ready=ready) == (2, [])
    assert words in capsys.readouterr().out


def test_a_failure_of_edgewbc_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code is the launcher's, and no count is claimed."""
    (tmp_path / "cells").mkdir()
    assert run(monkeypatch, tmp_path, [str(tmp_path / "cells")], code=3)[0] == 3
    assert "To review" not in capsys.readouterr().out


def test_a_folder_that_is_dragged_into_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal types for it, quotes and all, is understood; an end of input is nothing."""
    monkeypatch.setattr(classify, "WINDOWS", True)
    monkeypatch.setattr("builtins.input", lambda text: '"C:\\smear 17" ')
    assert classify.asked() == ["C:\\smear 17"]
    monkeypatch.setattr(classify, "WINDOWS", False)
    for typed, names in (("'/a b/c' ", ["/a b/c"]), ("it's", ["it's"]), ("", [])):
        monkeypatch.setattr("builtins.input", lambda text, typed=typed: typed)
        assert classify.asked() == names

    def end(text: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert classify.asked() == []


def test_not_ready_is_the_last_line(
    linux: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged kit: code 2, and the last line begins with NOT READY."""
    (tmp_path / "SHA256SUMS").write_text((linux.folder / "SHA256SUMS").read_text())
    monkeypatch.setattr(install, "KIT", tmp_path)
    assert install.main() == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT READY: LICENCES/")
    assert json.loads((linux.folder / "files" / "kit.json").read_text())["format"] == 1

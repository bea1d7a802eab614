"""Resuming an interrupted run: nothing is done twice or lost, and the results file is the same."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.discover import names
from edgewbc.images.files import FileVersion
from edgewbc.lab import resume
from edgewbc.lab.classify import LoadedBundle, classify
from edgewbc.lab.journal import Journal
from edgewbc.lab.results_file import save
from tests.tiny import encode, make_bundle, make_image

IMAGES = 1500
KILLS = int(os.environ.get("EDGEWBC_KILLS", "20"))

# Reports when its journal is open, so that most kills happen while results are written.
CHILD = """
import sys
from edgewbc.cli.main import main
from edgewbc.lab.journal import Journal
begin = Journal.__init__
def told(self, *arguments):
    begin(self, *arguments)
    print("open", flush=True)
Journal.__init__ = told
main(sys.argv[1:])
"""


def run_child(folder: Path, out: Path, wait: float | None, after: float) -> int:
    """Classify in a subprocess and kill it after some seconds; return the exit code (0: it finished before).

    Args:
        folder: holds `tiny` and `cells`.
        out: results file.
        wait: None waits for the journal to be open before the seconds count.
        after: seconds.
    """
    arguments = ["classify", "--model", "tiny", "cells", "--out", str(out), "--batch", "4", "--threads", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        if wait is None:
            child.stdout.readline()
        try:
            child.wait(after)
        except subprocess.TimeoutExpired:
            child.kill()  # SIGKILL: it cannot clean up
        code = child.wait()
        said = child.stderr.read().decode()
    assert code in (0, -9) or (os.name == "nt" and code == 1), said
    return code


def test_a_run_killed_at_any_moment_resumes(tmp_path: Path) -> None:
    """A run killed many times ends with the same file as an uninterrupted run, and classifies each image once."""
    make_bundle(tmp_path / "tiny")
    cells = tmp_path / "cells"
    (cells / "sub").mkdir(parents=True)
    kinds = [encode(make_image(seed)) for seed in range(20)] + [b"", b"not an image"]
    for n in range(IMAGES):
        (cells / ("sub" if n % 3 else "") / f"{n}.png").write_bytes(kinds[n % len(kinds)])
    assert run_child(tmp_path, Path("uninterrupted.csv"), None, 300) == 0
    uninterrupted = (tmp_path / "uninterrupted.csv").read_bytes()
    assert uninterrupted.count(b"\n") == IMAGES + 1

    moments = random.Random(17)  # noqa: S311
    out, killed, rounds = tmp_path / "cells.csv", 0, 0
    while killed < KILLS:
        rounds += 1
        early = rounds % 7 == 0  # while it starts, or creates or opens the journal
        code = run_child(tmp_path, Path("cells.csv"), 0.0 if early else None, moments.uniform(0, 0.6 if early else 0.1))
        killed += code != 0
        if code == 0:  # finished: start again
            assert out.read_bytes() == uninterrupted
            _each_once(tmp_path / "cells.csv.journal")
            out.unlink()
            (tmp_path / "cells.csv.journal").unlink()
        elif out.exists():  # killed between the results file and the end
            assert out.read_bytes() == uninterrupted
        assert rounds < 20 * KILLS
    assert run_child(tmp_path, Path("cells.csv"), None, 300) == 0
    assert out.read_bytes() == uninterrupted
    _each_once(tmp_path / "cells.csv.journal")


def _each_once(path: Path) -> None:
    asked = sqlite3.connect(path)
    assert asked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    counts = asked.execute("SELECT count(*), count(DISTINCT path), sum(sha256 = '') FROM results").fetchone()
    asked.close()
    assert counts == (IMAGES, IMAGES, 0)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Five images and a file that is not one."""
    folder = tmp_path / "cells"
    folder.mkdir()
    for seed in range(5):
        (folder / f"{seed}.png").write_bytes(encode(make_image(seed)))
    (folder / "bad.png").write_bytes(b"not an image")
    return folder


def classify_into(bundle: Bundle, journal: Path, cells: Path) -> list[str]:
    """Return the names of the files classified by this call."""
    model = LoadedBundle.load(bundle, threads=1)
    files = names([cells])
    with Journal(journal, model.settings) as kept:
        done = [Path(row.path).name for (row,) in resume.classify_into(model, kept, resume.pending(kept, files))]
        assert list(kept.rows(files)) == list(classify(bundle, [Path(name) for name in files], threads=1))
    return done


def test_only_new_and_changed_files_are_classified(bundle: Bundle, cells: Path, tmp_path: Path) -> None:
    """A second run does nothing; then only changed and new files are classified."""
    journal = tmp_path / "j"
    assert classify_into(bundle, journal, cells) == ["0.png", "1.png", "2.png", "3.png", "4.png", "bad.png"]
    assert classify_into(bundle, journal, cells) == []
    (cells / "1.png").write_bytes(encode(make_image(41)))
    (cells / "bad.png").write_bytes(encode(make_image(42)))
    (cells / "new.png").write_bytes(encode(make_image(43)))
    (cells / "4.png").unlink()
    assert classify_into(bundle, journal, cells) == ["1.png", "bad.png", "new.png"]


def replace_keeping_size_and_time(path: Path, data: bytes, in_place: bool) -> None:
    """Put other content under a name; neither size nor modification time shows it."""
    before = path.stat()
    assert len(data) == before.st_size
    new = path if in_place else path.with_name("new")
    new.write_bytes(data)
    os.utime(new, ns=(before.st_mtime_ns, before.st_mtime_ns))
    new.replace(path)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("certain", [False, True])
def test_another_image_of_the_same_size_and_time_is_classified(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool, certain: bool
) -> None:
    """A camera's BMP files have one size, and copying keeps the time: the result is never that of the image before."""
    if not certain:  # as on Windows, and on disks with a coarse clock
        monkeypatch.setattr(FileVersion, "certain", False)
    cells = tmp_path / "cells"
    cells.mkdir()
    for seed in range(3):
        (cells / f"{seed}.bmp").write_bytes(encode(make_image(seed), ".bmp"))
    journal = tmp_path / "j"
    assert classify_into(bundle, journal, cells) == ["0.bmp", "1.bmp", "2.bmp"]
    replace_keeping_size_and_time(cells / "1.bmp", encode(make_image(77), ".bmp"), in_place)
    assert classify_into(bundle, journal, cells) == ["1.bmp"]
    assert classify_into(bundle, journal, cells) == []


def test_a_file_with_the_same_content_is_not_classified_again(bundle: Bundle, tmp_path: Path) -> None:
    """A file that was copied, touched or renamed away and back has another version but the same result."""
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "a.png").write_bytes(encode(make_image(1)))
    classify_into(bundle, tmp_path / "j", cells)
    (cells / "new").write_bytes(encode(make_image(1)))
    (cells / "new").replace(cells / "a.png")
    assert classify_into(bundle, tmp_path / "j", cells) == []
    os.utime(cells / "a.png", ns=(5, 5))
    assert classify_into(bundle, tmp_path / "j", cells) == []


@pytest.mark.skipif(os.name == "nt", reason="the system does not take such times")
@pytest.mark.parametrize("year", [-400, -100, 350, 10_000])
def test_files_of_any_time_are_classified_once(bundle: Bundle, tmp_path: Path, year: int) -> None:
    """Times before 1601 and after 2262, which do not fit into 64 bits, or into the clock of another system."""
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "a.png").write_bytes(encode(make_image(1)))
    ns = year * 31_557_600 * 10**9
    os.utime(cells / "a.png", ns=(ns, ns))
    assert classify_into(bundle, tmp_path / "j", cells) == ["a.png"]
    assert classify_into(bundle, tmp_path / "j", cells) == []


def test_unreadable_files_are_tried_again(bundle: Bundle, cells: Path, tmp_path: Path) -> None:
    """A missing file gets a row, and is classified when it exists again."""
    model = LoadedBundle.load(bundle, threads=1)
    gone = str(cells / "gone.png")
    with Journal(tmp_path / "j", model.settings) as journal:
        ((row,),) = resume.classify_into(model, journal, [gone])
        assert (row.status, row.reason) == ("error", "no such file")
        assert resume.pending(journal, [gone]) == [gone]
        Path(gone).write_bytes(encode(make_image(0)))
        ((row,),) = resume.classify_into(model, journal, resume.pending(journal, [gone]))
        assert row.status == "ok"
        assert resume.pending(journal, [gone]) == []
        assert list(journal.rows([gone])) == [row]


def test_an_interrupted_run_keeps_its_rows(bundle: Bundle, cells: Path, tmp_path: Path) -> None:
    """Each row that was yielded is in the journal, whatever happens next."""
    model = LoadedBundle.load(bundle, threads=1)
    files = names([cells])
    with Journal(tmp_path / "j", model.settings) as journal:
        (given,) = next(iter(resume.classify_into(model, journal, files, batch=1)))
        assert journal.cells(files[0])[0] == given
        assert resume.pending(journal, files) == files[1:]


def test_unusual_names_and_links_get_rows(bundle: Bundle, tmp_path: Path) -> None:
    """Names with spaces, quotes, line feeds, any script or invalid UTF-8, and circular links: one row each."""
    if os.name == "nt":
        pytest.skip("names like these cannot be made there")
    cells = tmp_path / "smear 17 'ü'"
    cells.mkdir()
    odd = ["a b.png", 'it\'s "one".png', "line\nfeed.png", "клетка.png", "細胞.png", os.fsdecode(b"\xff\xfe.png")]
    for name in odd:
        (cells / name).write_bytes(encode(make_image(1)))
    (cells / "round.png").symlink_to(cells / "round.png")
    (cells / "up").symlink_to(tmp_path, target_is_directory=True)
    (cells / "good link.png").symlink_to(cells / "a b.png")
    model = LoadedBundle.load(bundle, threads=1)
    files = names([cells])
    with Journal(tmp_path / "j", model.settings) as journal:
        rows = {Path(row.path).name: row for (row,) in resume.classify_into(model, journal, files)}
        assert sorted(rows) == sorted([*odd, "round.png", "good link.png"])
        assert {name for name, row in rows.items() if row.status == "error"} == {"round.png"}
        assert list(journal.names(str(cells))) == files
        save(journal.rows(files), bundle.classes, tmp_path / "rows.csv", jsonl=False)
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    assert "\\udcff\\udcfe.png" in text
    assert "細胞.png" in text


def test_where_the_journal_is(tmp_path: Path) -> None:
    """Next to the results file unless named; never a folder, an image or the results file itself."""
    out = tmp_path / "cells.csv"
    assert resume.journal_path(None, None) is None
    assert resume.journal_path(out, None) == tmp_path / "cells.csv.journal"
    assert resume.journal_path(out, tmp_path / "j") == resume.journal_path(None, tmp_path / "j") == tmp_path / "j"
    for wrong in (tmp_path, tmp_path / "a.PNG", tmp_path / "x" / ".." / "cells.csv"):
        with pytest.raises(UserError, match="give --journal a file of its own"):
            resume.journal_path(out, wrong)


def test_outputs_cannot_be_inputs(tmp_path: Path) -> None:
    """The journal and the results file may be among the images, but cannot be classified, under any name."""
    journal = tmp_path / "cells.csv.journal"
    journal.touch()
    resume.check_not_inputs([str(tmp_path / "a.png"), str(tmp_path / "other" / journal.name)], None, journal)
    with pytest.raises(UserError, match="is where results are written"):
        resume.check_not_inputs([str(journal)], None, journal)
    if os.name != "nt":
        (tmp_path / "link.png").symlink_to(journal)
        with pytest.raises(UserError, match="link.png: is where results are written"):
            resume.check_not_inputs([str(tmp_path / "link.png")], None, journal)


def test_looking_up_results_is_cheap(tmp_path: Path) -> None:
    """Looking up what is done costs far less than doing it (at most 1 ms per image)."""
    settings = {"model_sha256": "ff", "classes": ["a"]}
    files = [str(tmp_path / f"{n}.png") for n in range(500)]
    for name in files:
        Path(name).touch()
    with Journal(tmp_path / "j", settings) as journal:
        begun = time.perf_counter()
        assert resume.pending(journal, files) == files
        assert time.perf_counter() - begun < 0.5


def test_a_journal_keeps_its_precision(tmp_path: Path) -> None:
    """`doctor` may have chosen another precision since; asking for another one is refused, as is another network."""
    bundle, place = make_bundle(tmp_path / "tiny"), tmp_path / "cells.journal"
    model, journal = resume.open_journal(bundle, place, "f32")
    journal.close()
    assert model.engine.info.compute == "f32"
    again, journal = resume.open_journal(bundle, place)
    journal.close()
    assert LoadedBundle.load(bundle).sha256 == bundle.model_sha256("openvino", "int8") != model.sha256
    assert again.settings == model.settings
    for other, wish in ((bundle, "int8"), (make_bundle(tmp_path / "other", seed=1), None)):
        with pytest.raises(UserError, match="holds results of another model or other settings"):
            resume.open_journal(other, place, wish)

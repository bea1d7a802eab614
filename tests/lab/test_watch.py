"""Watching folders: each image is classified once, when it is complete. The clock is simulated."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.files import FileVersion
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow
from edgewbc.lab.watch import INTERVAL, MAX_READY, PATIENCE, SETTLE, FolderWatcher, outermost, watch
from tests.tiny import encode, make_image

DATA = encode(make_image(1))


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> LoadedBundle:
    return LoadedBundle.load(bundle, threads=1)


class Lab:
    """A watched folder with a simulated clock: one step of a test runs between two scans, INTERVAL seconds apart."""

    def __init__(self, model: LoadedBundle, top: Path, journal: Path | None = None) -> None:
        self.model, self.top, self.journal = model, top, journal
        self.now = 1000.0
        self.rows: list[ResultRow] = []
        self.at: dict[str, float] = {}
        self.deleted: list[str] = []
        self.problems: list[dict[str, str]] = []
        self.cost = 0.0  # seconds that each classification takes
        top.mkdir(exist_ok=True)

    def run(self, *steps: Callable[[], object] | float) -> list[str]:
        """Run the steps (a number is an idle time in seconds), then two idle scans; return the names classified."""
        self.todo = list(self._spread(steps))
        with Journal(self.journal, self.model.settings) as journal:
            found = list(self._watch(journal))
        self.rows += found
        return [os.path.relpath(row.path, self.top) for row in found]

    def _spread(self, steps: tuple[Callable[[], object] | float, ...]) -> Iterator[Callable[[], object]]:
        for step in (*steps, 3 * INTERVAL):
            if callable(step):
                yield step
            else:
                yield from [lambda: None] * round(step / INTERVAL)

    def _watch(self, journal: Journal) -> Iterator[ResultRow]:
        for (row,) in watch(
            self.model, journal, [str(self.top)], step=self._step, clock=self._clock, sleep=self._sleep
        ):
            assert journal.cells(row.path)[0] == row  # it is recorded before it is yielded
            self.at[Path(row.path).name] = self.now
            yield row

    def _clock(self) -> float:
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _step(self, watcher: FolderWatcher) -> bool:
        self.now += self.cost
        self.deleted += watcher.deleted
        watcher.deleted.clear()
        self.problems.append(dict(watcher.problems))
        if not self.todo:
            return False
        self.todo.pop(0)()
        return True


@pytest.fixture
def lab(model: LoadedBundle, tmp_path: Path) -> Lab:
    return Lab(model, tmp_path / "camera")


def put(path: Path, data: bytes = DATA) -> Callable[[], object]:
    def step() -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    return step


def add(path: Path, data: bytes) -> Callable[[], object]:
    def step() -> None:
        with path.open("ab") as file:
            file.write(data)

    return step


def test_a_saved_image_is_classified_within_a_second(lab: Lab) -> None:
    """It is classified once, within a second after it was saved."""
    saved = []
    assert lab.run(1.0, put(lab.top / "a.png"), lambda: saved.append(lab.now), 5.0) == ["a.png"]
    assert lab.rows[0].status == "ok"
    assert lab.at["a.png"] - (saved[0] - INTERVAL) <= 1


def test_existing_files_are_classified_first_and_once(lab: Lab, tmp_path: Path) -> None:
    """Existing files are classified at the start; with the same journal, a second watch classifies only new ones."""
    lab.journal = tmp_path / "j"
    for n in range(2 * MAX_READY + 3):
        (lab.top / f"{n:03}.png").write_bytes(DATA)
    assert lab.run(1.0) == [f"{n:03}.png" for n in range(2 * MAX_READY + 3)]
    assert lab.run(put(lab.top / "new.png"), 1.0) == ["new.png"]


def test_a_new_image_does_not_wait_for_older_ones(lab: Lab) -> None:
    """While many older images are being classified, a new one is classified before the last of them."""
    for n in range(5 * MAX_READY):
        (lab.top / f"{n:03}.png").write_bytes(DATA)
    lab.cost = INTERVAL
    found = lab.run(INTERVAL, put(lab.top / "new.png"), 5.0)
    assert len(found) == len(set(found)) == 5 * MAX_READY + 1
    assert found.index("new.png") <= 3 * MAX_READY
    assert [name for name in found if name != "new.png"] == [f"{n:03}.png" for n in range(5 * MAX_READY)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_a_partly_written_file_is_not_classified(lab: Lab, suffix: str) -> None:
    """Written in pieces, with pauses longer than two scans, it gets one row, of the complete image."""
    data = encode(make_image(2), suffix)
    path = lab.top / f"slow{suffix}"
    cuts = [0, 1, len(data) // 3, len(data) // 2, len(data) - 3, len(data)]
    pieces: list[Callable[[], object] | float] = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        pieces += [add(path, data[start:end]), 4 * SETTLE]
    assert lab.run(*pieces) == [path.name]
    assert lab.rows[0].status == "ok"


def test_a_file_that_stays_broken_gets_an_error_row(lab: Lab) -> None:
    """After some seconds it gets a row with an error."""
    path = lab.top / "cut.png"
    assert lab.run(put(path, DATA[:-20]), PATIENCE - 1) == []
    assert lab.run(PATIENCE + 1) == ["cut.png"]
    assert (lab.rows[-1].status, lab.rows[-1].reason) == ("error", "truncated or damaged")


def test_a_file_that_grows_later_is_classified_when_complete(lab: Lab) -> None:
    """The error row of the broken file is followed by the row of the complete one, and by nothing else."""
    path = lab.top / "cut.png"
    found = lab.run(put(path, DATA[:-20]), PATIENCE + 2, add(path, DATA[-20:]), 2.0)
    assert found == ["cut.png", "cut.png"]
    assert [row.status for row in lab.rows] == ["error", "ok"]


def test_a_rename_into_place_is_one_image(lab: Lab) -> None:
    """Temporary and hidden names are ignored; the final name is classified once."""
    part, temporary = lab.top / "a.png.part", lab.top / "b.tmp"
    found = lab.run(
        put(part),
        put(temporary),
        put(lab.top / ".hidden.png"),
        put(lab.top / "~$c.png"),
        1.0,
        lambda: part.rename(lab.top / "a.png"),
        lambda: temporary.rename(lab.top / "b.png"),
        1.0,
    )
    assert found == ["a.png", "b.png"]


def test_an_overwritten_file_is_classified_again(lab: Lab) -> None:
    """A new version, written in place or renamed over the old one, is classified once more."""
    path, other = lab.top / "a.png", lab.top / "b.tmp"
    found = lab.run(
        put(path),
        1.0,
        put(path, encode(make_image(7))),
        1.0,
        put(other, encode(make_image(8))),
        lambda: other.replace(path),
        1.0,
    )
    assert found == ["a.png"] * 3
    assert len({row.probability for row in lab.rows}) == 3


def test_folders_come_and_go(lab: Lab) -> None:
    """A subfolder created later is watched too, and a file deleted before it is classified is reported."""
    sub = lab.top / "slide 2"

    def drop() -> None:
        for file in sub.iterdir():
            file.unlink()
        sub.rmdir()

    found = lab.run(put(sub / "a.png"), 1.0, put(sub / "b.png", b"half"), 1.0, drop, 1.0, put(sub / "c.png"), 1.0)
    assert found == [os.path.join("slide 2", "a.png"), os.path.join("slide 2", "c.png")]  # noqa: PTH118
    assert lab.deleted == [str(sub / "b.png")]


def test_the_watched_folder_may_be_unavailable_for_a_while(lab: Lab) -> None:
    """When a network share disconnects, the watch reports it and waits; then new files are classified once."""
    away = lab.top.with_name("away")
    found = lab.run(
        put(lab.top / "a.png"),
        1.0,
        lambda: lab.top.rename(away),
        1.0,
        lambda: away.rename(lab.top),
        put(lab.top / "b.png"),
        1.0,
    )
    assert found == ["a.png", "b.png"]
    assert {str(lab.top): "No such file or directory"} in lab.problems or os.name == "nt"
    assert lab.problems[-1] == {}


def test_a_locked_file_waits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program locks it, it waits and then gets one error row; once unlocked, it is classified."""
    path, shut = lab.top / "a.png", [True]
    plain = os.open

    def refuse(file: Path, flags: int) -> int:
        if file == path and shut[0]:
            raise PermissionError(13, "Permission denied")
        return plain(file, flags)

    def unlock() -> None:
        shut[0] = False

    path.write_bytes(DATA)
    monkeypatch.setattr(os, "open", refuse)
    found = lab.run(PATIENCE + 20, unlock, 10.0)
    assert found == ["a.png", "a.png"]
    assert [row.status for row in lab.rows] == ["error", "ok"]
    assert "another program has locked it" in lab.rows[0].reason


def test_links_in_circles_do_not_hang_it(lab: Lab) -> None:
    """A link to a folder is not followed; a link to itself gets an error row."""
    try:
        (lab.top / "up").symlink_to(lab.top, target_is_directory=True)
        (lab.top / "round.png").symlink_to(lab.top / "round.png")
    except OSError:
        pytest.skip("this system does not let us make links")
    assert lab.run(put(lab.top / "a.png"), PATIENCE + 5) == ["a.png", "round.png"]
    assert lab.rows[1].status == "error"


def test_a_slow_writer_and_a_real_clock(model: LoadedBundle, tmp_path: Path) -> None:
    """With a thread that writes as a camera does, every image gets one row, of the complete file."""
    top = tmp_path / "camera"
    top.mkdir()
    datas = {f"{n}.png": encode(make_image(n)) for n in range(8)}
    written: dict[str, float] = {}
    told: dict[str, float] = {}

    def write() -> None:
        for name, data in datas.items():
            with (top / name).open("wb") as file:
                for start in range(0, len(data), len(data) // 3):
                    file.write(data[start : start + len(data) // 3])
                    file.flush()
                    time.sleep(0.03)
            written[name] = time.monotonic()

    camera = threading.Thread(target=write)
    end = time.monotonic() + 60
    rows = []
    with Journal(None, model.settings) as journal:
        camera.start()
        for (row,) in watch(
            model,
            journal,
            [str(top)],
            step=lambda _: time.monotonic() < end and not (len(told) == len(datas) and not camera.is_alive()),
        ):
            rows.append(row)
            told[Path(row.path).name] = time.monotonic()
        camera.join()
        assert sorted(Path(row.path).name for row in rows) == sorted(datas)
        for row in rows:
            assert row.status == "ok"
            assert journal.has(row.path, FileVersion.of(Path(row.path).stat()))
    assert max(told[name] - written[name] for name in datas) < 10


def test_folders_in_watched_folders_are_not_watched_twice(tmp_path: Path) -> None:
    """Of nested folders the outer one is used; a file is refused."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    assert outermost([tmp_path / "a" / "b", tmp_path / "a", tmp_path / "c"]) == [
        str(tmp_path / "a"),
        str(tmp_path / "c"),
    ]
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file: is not a folder"):
        outermost([tmp_path / "file"])

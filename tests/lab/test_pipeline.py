"""The pipeline: one result per image, in order, errors included; no thread or file is left open."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.bundle.bundle import Bundle
from edgewbc.images.decode import decode as decode_image
from edgewbc.images.files import NOT_READ, FileVersion
from edgewbc.images.files import read as read_file
from edgewbc.lab import cpu_budget, pipeline, prepared_image
from edgewbc.lab.pipeline import run, run_groups
from edgewbc.lab.prepared_image import ImageResult
from edgewbc.pixels import prepare
from edgewbc.runtime.pool import PredictorPool
from edgewbc.runtime.tuning import Choice
from edgewbc.smear.prepare import Preparer
from tests.lab import samples
from tests.tiny import CHANNELS, encode, make_image


@pytest.fixture(scope="module", params=[(1, 1), (2, 2)], ids=str)
def engine(request: pytest.FixtureRequest, bundle: Bundle) -> PredictorPool:
    return Choice("f32", "f32", *request.param).pool(bundle.read_model("openvino", "f32"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twelve valid images."""
    folder = tmp_path_factory.mktemp("images")
    found = [folder / f"{seed}.png" for seed in range(12)]
    for seed, path in enumerate(found):
        path.write_bytes(encode(make_image(seed)))
    return found


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("edgewbc-")]


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_results_match_the_engine(engine: PredictorPool, bundle: Bundle, paths: list[Path], batch: int) -> None:
    """Each result has its file's hash, size and time, and the engine's prediction, for any batch size."""
    found = list(run(engine, bundle.pixels, paths, batch=batch))
    want = engine(np.stack([prepare(make_image(seed), bundle.pixels) for seed in range(12)]))
    assert [outcome.path for outcome in found] == paths
    for index, (outcome, path) in enumerate(zip(found, paths, strict=True)):
        data = path.read_bytes()
        assert outcome.sha256 == hashlib.sha256(data).hexdigest()
        assert outcome.version == FileVersion.of(path.stat())
        assert (outcome.notes, outcome.error) == ((), "")
        (cell,) = outcome.cells
        assert (cell.number, cell.box, cell.reasons) == (0, None, ())
        assert cell.features.shape == (CHANNELS,)
        np.testing.assert_allclose(cell.probabilities, want.probabilities[index], atol=1e-6)
        np.testing.assert_allclose(cell.features, want.features[index], atol=1e-4)


@settings(max_examples=20)
@given(plan=st.lists(st.sampled_from("gGbvnm"), max_size=30), batch=st.integers(1, 6), readers=st.integers(1, 4))
def test_every_image_once_in_order(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], plan: list[str], batch: int, readers: int
) -> None:
    """Valid, broken and missing files, arrays and flushes in any order: one result each, in order."""
    with tempfile.TemporaryDirectory() as folder:
        bad = Path(folder) / "bad.jpg"
        bad.write_bytes(b"not an image")
        kinds: dict[str, Any] = {
            "g": paths[0],
            "G": paths[1],
            "b": bad,
            "v": Path(folder) / "gone.png",
            "n": None,
            "m": make_image(1),
        }
        found = list(run(engine, bundle.pixels, (kinds[kind] for kind in plan), batch=batch, readers=readers))
    wanted = [kind for kind in plan if kind != "n"]
    assert len(found) == len(wanted)
    good = engine(np.stack([prepare(make_image(seed), bundle.pixels) for seed in (0, 1)])).probabilities
    for kind, outcome in zip(wanted, found, strict=True):
        assert outcome.path == (Path() if kind == "m" else kinds[kind])
        if kind in "bv":
            assert outcome.cells == ()
            assert outcome.error == ("no such file" if kind == "v" else outcome.error) != ""
            assert bool(outcome.sha256) == (kind == "b")
        else:
            (cell,) = outcome.cells
            np.testing.assert_allclose(cell.probabilities, good["gG".find(kind) if kind != "m" else 1], atol=1e-6)


def test_notes_and_reasons(engine: PredictorPool, bundle: Bundle, tmp_path: Path) -> None:
    """Notes from decoding, and reasons for errors, are part of the result."""
    (tmp_path / "grey.png").write_bytes(encode(samples.PLAIN[..., 0]))
    (tmp_path / "empty.png").write_bytes(b"")
    grey, empty, folder = run(engine, bundle.pixels, [tmp_path / "grey.png", tmp_path / "empty.png", tmp_path])
    assert grey.notes == ("grayscale: the stain's colors are missing",)
    assert (empty.error, empty.version.size, empty.sha256) == ("empty file", 0, hashlib.sha256().hexdigest())
    assert (folder.error, folder.sha256, folder.version) == ("not a file", "", NOT_READ)


def test_none_means_nothing_now(engine: PredictorPool, bundle: Bundle, paths: list[Path]) -> None:
    """When the source yields None, all results before it are yielded before the source is asked again."""
    got: list[ImageResult] = []
    counts = []

    def source() -> Iterator[Path | None]:
        for part in (paths[:3], paths[3:4], [], paths[4:12]):
            yield from part
            yield None
            counts.append(len(got))

    for outcome in run(engine, bundle.pixels, source(), batch=8):
        got.append(outcome)
    assert counts == [3, 4, 4, 12]
    assert [outcome.path for outcome in got] == paths


def test_few_images_are_spread_over_the_workers(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first groups have one batch, later ones several; after a pause this starts again."""
    groups: list[int] = []
    real = pipeline._fetch

    def fetch(group: Any, activity: Any) -> Any:
        groups.append(len(group))
        return real(group, activity)

    monkeypatch.setattr(pipeline, "_fetch", fetch)
    monkeypatch.setattr(pipeline, "GROUP", 3)
    short = 2 * (engine.info.threads or 1)
    list(run(engine, bundle.pixels, [*(paths * 9)[: 2 * short + 13], None, *paths[:3]], batch=2, readers=1))
    assert groups == [2] * short + [6, 6, 1, 2, 1]
    groups.clear()
    list(run(engine, bundle.pixels, paths, batch=1, readers=1))
    assert groups == [1] * 12
    groups.clear()
    found = run_groups(engine, bundle.pixels, (paths * 9)[: 2 * short + 5], len, batch=2)
    assert list(found) == [2] * (short + 2) + [1]  # the last group is cut into batches, one for each worker


def test_memory_is_bounded(engine: PredictorPool, bundle: Bundle, paths: list[Path]) -> None:
    """For any number of paths, only a fixed number is requested ahead of the result that is yielded."""
    taken = answered = most = 0

    def source() -> Iterator[Path]:
        nonlocal taken
        for index in range(400):
            taken += 1
            yield paths[index % 12]

    for _ in run(engine, bundle.pixels, source(), batch=4, readers=2):
        answered += 1
        most = max(most, taken - answered)
    assert answered == 400
    assert most <= pipeline.GROUP * 4 * (
        2 * (engine.info.threads or 1) + 1
    )  # two groups per worker, and the one being collected


def test_unreadable_files_do_not_pile_up(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], tmp_path: Path
) -> None:
    """A valid image before very many broken files is not held back until a batch is full."""
    taken = 0

    def source() -> Iterator[Path]:
        nonlocal taken
        yield paths[0]
        for _ in range(1000):
            taken += 1
            yield tmp_path / "gone.png"

    found = run(engine, bundle.pixels, source(), batch=4, readers=1)
    assert next(found).path == paths[0]
    assert taken < 200
    assert sum(outcome.error == "no such file" for outcome in found) == 1000


@pytest.mark.parametrize("after", [0, 1, 7])
def test_closing_early_leaves_nothing(engine: PredictorPool, bundle: Bundle, paths: list[Path], after: int) -> None:
    """No thread or open file is left, OpenCV's threads are restored, and the engine still works."""
    before = cv2.getNumThreads()
    open_files = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    found = run(engine, bundle.pixels, iter(paths * 20), batch=2)
    for _ in range(after):
        next(found)
    if after:
        assert readers()
        assert cv2.getNumThreads() == 1
    found.close()  # type: ignore[attr-defined]
    assert readers() == []
    assert cv2.getNumThreads() == before
    if open_files:
        assert len(list(Path("/proc/self/fd").iterdir())) <= open_files
    assert len(list(run(engine, bundle.pixels, paths))) == 12


def test_a_failing_source_comes_through(engine: PredictorPool, bundle: Bundle, paths: list[Path]) -> None:
    """An exception in the source is raised unchanged, and no thread is left."""

    def source() -> Iterator[Path]:
        yield from paths
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="camera"):
        list(run(engine, bundle.pixels, source(), batch=4))
    assert readers() == []


def test_a_failing_network_comes_through(engine: PredictorPool, bundle: Bundle, paths: list[Path]) -> None:
    """An image of the wrong shape is a programming error, raised at once; nothing hangs and no thread is left."""
    other = type(bundle.pixels)(8, 8)
    with pytest.raises(ValueError, match="not uint8"):
        list(run(engine, other, paths * 10, batch=2))
    assert readers() == []


def test_two_pipelines_at_once(engine: PredictorPool, bundle: Bundle, paths: list[Path]) -> None:
    """Two threads that share an engine each get their own results."""
    found: dict[int, list[Path]] = {}

    def work(key: int) -> None:
        mine = paths[key::2] * 10
        found[key] = [outcome.path for outcome in run(engine, bundle.pixels, mine, batch=3)]

    threads = [threading.Thread(target=work, args=(key,)) for key in (0, 1)]
    before = cv2.getNumThreads()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {key: paths[key::2] * 10 for key in (0, 1)}
    assert cv2.getNumThreads() == before


def test_no_more_work_at_once_than_threads(bundle: Bundle, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread, for any number of readers, two images are never decoded at the same time."""
    engine = Choice("f32", "f32", 1, 1).pool(bundle.read_model("openvino", "f32"))
    now = most = 0
    lock, real = threading.Lock(), decode_image

    def decode(data: bytes, limit: int) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        found = real(data)
        with lock:
            now -= 1
        return found

    monkeypatch.setattr(prepared_image, "decode", decode)
    assert len(list(run(engine, bundle.pixels, paths * 5, readers=6))) == 60
    assert most == 1


def test_large_files_are_held_one_at_a_time(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes of two large files are never in memory together, and all files get results."""
    now = most = 0
    real_read, real_prepare = read_file, Preparer.cells

    def read(path: Path) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        return real_read(path)

    def done(*arguments: Any) -> Any:
        nonlocal now
        now -= 1
        return real_prepare(*arguments)

    monkeypatch.setattr(pipeline, "PREFETCH", 0)
    monkeypatch.setattr(cpu_budget, "LARGE", 1)
    monkeypatch.setattr(pipeline, "read", read)
    monkeypatch.setattr(Preparer, "cells", done)
    assert [outcome.path for outcome in run(engine, bundle.pixels, paths, readers=4)] == paths
    assert most == 1


def test_prefetching_is_limited(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files beyond the prefetch limit are read when they are decoded, and their results keep their place."""
    events = []
    real_read, real_decode = read_file, decode_image

    def read(path: Path) -> Any:
        events.append("read")
        return real_read(path)

    def decode(data: bytes, limit: int) -> Any:
        events.append("decode")
        return real_decode(data, limit)

    monkeypatch.setattr(pipeline, "PREFETCH", paths[0].stat().st_size + paths[1].stat().st_size)
    monkeypatch.setattr(pipeline, "read", read)
    monkeypatch.setattr(prepared_image, "decode", decode)
    found = list(run(engine, bundle.pixels, [*paths[:4], make_image(4)], batch=5))
    assert [outcome.path for outcome in found] == [*paths[:4], Path()]
    assert all(len(outcome.cells) == 1 for outcome in found)
    assert events == ["read", "read", "decode", "decode", "read", "decode", "read", "decode"]


def test_a_lack_of_memory_is_an_error_result(
    engine: PredictorPool, bundle: Bundle, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that does not fit into memory is an error in its place."""

    def decode(data: bytes, limit: int) -> Any:
        raise MemoryError

    monkeypatch.setattr(prepared_image, "decode", decode)
    (outcome,) = run(engine, bundle.pixels, paths[:1])
    assert outcome.error == "too large for the memory of this PC"
    assert outcome.version.size == paths[0].stat().st_size


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"readers": 0}])
def test_invalid_arguments_are_refused_at_once(engine: PredictorPool, bundle: Bundle, wrong: dict[str, Any]) -> None:
    """A batch size or number of readers below 1 raises ValueError at the call."""
    with pytest.raises(ValueError, match="must be 1 or more"):
        run(engine, bundle.pixels, [], **wrong)

"""Classifying on Ray: the rows are those of this process, whatever becomes of the workers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.archive import engine as engines
from edgewbc.archive.cluster import Cluster, ClusterOptions
from edgewbc.archive.engine import RayEngine
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.lab import worker_task
from edgewbc.lab.engine import ThisProcess
from edgewbc.lab.worker_task import ENDS_PROCESS
from tests.archive.workers import Fragile
from tests.lab.engine_runs import classified, mixed_folder
from tests.lab.test_fields import bundle, spec
from tests.tiny import encode, make_image

__all__ = ["bundle", "spec"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of what there may be."""
    return mixed_folder(tmp_path / "smear")


def test_rows_are_those_of_this_process(bundle: Bundle, folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    """Cells with boxes, errors and reasons: the results files are the same, byte for byte."""
    plain = classified(bundle, tmp_path / "plain.csv", ThisProcess(), folder)
    assert plain.count(b"\n") > 8
    assert classified(bundle, tmp_path / "ray.csv", RayEngine(), folder) == plain


@pytest.mark.skipif(os.name == "nt", reason="Windows resolves `..` before links")
def test_a_name_with_a_link_leads_to_the_same_file(
    own: Bundle, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`link/../a.png` is next to where the link leads to, for the workers too, which run in another folder."""
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    (tmp_path / "far" / "a.png").write_bytes(encode(make_image(1)))
    monkeypatch.chdir(tmp_path)
    name = Path("link/../a.png")
    plain = classified(own, tmp_path / "plain.csv", ThisProcess(), name)
    assert b"no such file" not in plain
    assert classified(own, tmp_path / "ray.csv", RayEngine(), name) == plain


def test_a_run_is_resumed_by_either(bundle: Bundle, folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    """Only new images are classified again, and a journal that Ray wrote is carried on without it."""
    out = tmp_path / "rows.csv"
    before = classified(bundle, out, RayEngine(), folder)
    first = min(path for path in folder.iterdir() if path.is_file())
    shutil.copy(folder / "a.png", folder / "new.png")
    after = classified(bundle, out, ThisProcess(), folder)
    assert set(before.splitlines()) < set(after.splitlines())
    first.unlink()

    class Refuses(RayEngine):
        def classify(self, *arguments: object) -> None:  # type: ignore[override]
            assert arguments[2] == [str(folder / "e.png"), str(folder / "f.png")]
            raise UserError("as expected")

    (folder / "e.png").write_bytes(b"other")
    (folder / "f.png").write_bytes(b"others")
    shutil.rmtree(folder / "inner")
    out.unlink()
    with pytest.raises(UserError, match="as expected"):
        classified(bundle, out, Refuses(), folder)


def test_nothing_to_do_needs_no_ray(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    """A finished run only writes its table again."""
    plain = classified(bundle, tmp_path / "rows.csv", ThisProcess(), folder / "b.png")
    nowhere = RayEngine(ClusterOptions(address="127.0.0.1:1"))
    assert classified(bundle, tmp_path / "rows.csv", nowhere, folder / "b.png") == plain


def test_ended_workers_lose_and_double_nothing(
    own: Bundle, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of killed workers go to others; an image that ends each process is a row with an error."""
    monkeypatch.setattr(engines, "Worker", Fragile)
    top = tmp_path / "cells"
    top.mkdir()
    for number in range(9):
        (top / f"{number}.png").write_bytes(encode(make_image(number)))
    plain = classified(own, tmp_path / "plain.csv", ThisProcess(), top).splitlines()
    for name in ("once", "poison"):
        shutil.copy(top / "0.png", top / f"{name}.png")
    found = classified(own, tmp_path / "ray.csv", RayEngine(), top).splitlines()
    assert found[: len(plain)] == plain
    once, poison = found[len(plain) :]
    assert once.split(b",")[1:] == plain[1].split(b",")[1:]
    assert f',error,"{ENDS_PROCESS}",'.encode() in poison


def test_urls(own: Bundle, cluster: Cluster, tmp_path: Path) -> None:
    """Images behind URLs are fetched by the workers; one that cannot be is a row, and is tried again."""
    (tmp_path / "a b.png").write_bytes(encode(make_image(1)))
    here = (tmp_path / "a b.png").as_uri().replace("%20", " ")
    gone = (tmp_path / "gone.png").as_uri()
    rows = classified(own, tmp_path / "urls.csv", RayEngine(), listed=(here, gone)).decode().splitlines()
    plain = classified(own, tmp_path / "plain.csv", ThisProcess(), tmp_path / "a b.png").decode().splitlines()
    assert rows[1].split(",")[1:] == plain[1].split(",")[1:]
    assert rows[1].startswith(here)
    assert rows[2].startswith(f"{gone},,")
    assert "cannot be fetched" in rows[2]
    shutil.copy(tmp_path / "a b.png", tmp_path / "gone.png")
    again = classified(own, tmp_path / "urls.csv", RayEngine(), listed=(here, gone)).decode().splitlines()
    assert again[1] == rows[1]
    assert again[2].split(",")[1:] == rows[1].split(",")[1:]


def test_unknown_kind_of_url_ends_the_run(own: Bundle, cluster: Cluster, tmp_path: Path) -> None:
    """What no machine could ever fetch is an error of the run in one line."""
    with pytest.raises(UserError, match="nosuch://a/b.png: .*name a URL that fsspec knows"):
        classified(own, tmp_path / "rows.csv", RayEngine(), listed=("nosuch://a/b.png",))


def test_a_worker_with_another_model_refuses(
    own: Bundle, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker compares its model and settings with those of the run."""
    (tmp_path / "a.png").write_bytes(encode(make_image(1)))
    monkeypatch.setattr(worker_task, "to_json", lambda _: '{"model_sha256": "another"}')
    with pytest.raises(UserError, match="are not those of this run"):
        classified(own, tmp_path / "rows.csv", RayEngine(), tmp_path / "a.png")


def test_command(
    own: Bundle, cluster: Cluster, tmp_path: Path, edgewbc: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`classify --engine ray` writes CSV and Parquet with the same columns and values."""
    from pyarrow import parquet

    (tmp_path / "cells").mkdir()
    for number in range(3):
        (tmp_path / "cells" / f"{number}.png").write_bytes(encode(make_image(number)))
    (tmp_path / "list.txt").write_text("cells/0.png\r\n\ngone.png\n")
    monkeypatch.chdir(tmp_path)
    model = ("--model", own.path)
    ran = edgewbc("classify", *model, "cells", "--list", "list.txt", "--engine", "ray", "--out", "a.csv")
    assert vars(ran)["code"] == 0, ran
    plain = edgewbc("classify", *model, "cells", "--list", "list.txt", "--out", "b.csv")
    assert vars(plain)["code"] == 0, plain
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    table = parquet.read_table("a.parquet").to_pylist()
    lines = [line.split(",") for line in Path("a.csv").read_text().splitlines()]
    assert [list(row) for row in table] == [lines[0]] * 4
    assert [row["path"] for row in table] == ["cells/0.png", "cells/1.png", "cells/2.png", "gone.png"]
    assert [row["probability"] for row in table] == [*(float(line[2]) for line in lines[1:4]), None]
    assert table[3]["reason"] == "no such file"
    Path("a.parquet").write_bytes(b"mine")
    ran = edgewbc("classify", *model, "cells", "--engine", "ray", "--out", "a.csv")
    assert vars(ran)["code"] == 2
    assert "a.parquet: exists, and is not a table of edgewbc" in vars(ran)["err"]

"""Tests of edgewbc.export.web_page: the page gives what the toolkit gives, in a browser without a network."""

from __future__ import annotations

import base64
import codecs
import hashlib
import io
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.export import web_page
from edgewbc.images import discover, jpeg_pixels
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.csv_table import CsvStyle, write_csv
from edgewbc.lab.differential import Differential
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image, prepare
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.smear.appearance import measure
from edgewbc.synth.cells import draw_cell
from edgewbc.utils import resources
from edgewbc.utils.browser import find_browser
from tests.lab import samples
from tests.tiny import make_bundle

ARCHIVE = "EDGEWBC_ONNXRUNTIME_WEB"
"""Environment variable that names the package's archive, so that it is not downloaded."""

CLASSIFY = """async ([name, packed]) => {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const row = await edgewbc.classify(name, () => bytes);
    edgewbc.rows.push(row);
    return {
        ...row,
        outputs: row.outputs && {probabilities: [...row.outputs.probabilities], features: [...row.outputs.features]},
        measured: row.prepared && edgewbc.measure(row.prepared),
        prepared: row.prepared && btoa(String.fromCharCode(...row.prepared.data)),
    };
}"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the npm package; skips where there is neither npm nor a network."""
    if named := os.environ.get(ARCHIVE):
        return Path(named)
    folder = tmp_path_factory.mktemp("npm")
    try:
        return web_page.download(folder)
    except UserError as error:
        pytest.skip(f"{ARCHIVE} is not set: {error}")


@pytest.fixture(scope="module", params=["wbc5-edge", "wbc5-vgg16gap"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return Bundle.open(resources.folder("export/bundles") / str(request.param))


@pytest.fixture(scope="module")
def file(archive: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle's page."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    assert web_page.write(bundle, path, archive) == path.stat().st_size <= web_page.MAX_BYTES
    return path


@pytest.fixture(scope="module")
def page(file: Path) -> Iterator[Any]:
    """The bundle's page in a headless Chromium that has no network."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = find_browser()
    if chromium is None:
        pytest.skip("there is no Chromium, Chrome or Edge on this computer")
    with api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        opened = browser.new_context(offline=True).new_page()
        opened.set_default_timeout(120_000)
        requests: list[str] = []
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(file.as_uri())
        opened.evaluate("() => 0")
        yield opened
        assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)
        browser.close()


def rows_of(bundle: Bundle, images: dict[str, bytes], folder: Path) -> list[ResultRow]:
    """Return the rows that `classify` gives for image files, with the bundle's ONNX file."""
    files = bundle.read_model("onnx", "int8")
    engine: Any = ONNXRuntimePredictor(files.contents[0], precision="int8", threads=1)
    thresholds = ReviewThresholds().of_bundle(bundle.manifest)
    model = LoadedBundle(bundle, engine, thresholds, files.sha256, bundle.familiarity())
    for name, data in images.items():
        (folder / name).write_bytes(data)
    return [row for result in model.results([folder / name for name in images]) for row in model.rows(result)]


def in_page(page: Any, name: str, data: bytes) -> Any:
    return page.evaluate(CLASSIFY, [name, base64.b64encode(data).decode()])


def png(image: Image) -> bytes:
    return encode(image, ".png")


def test_golden_samples_are_as_in_onnx_runtime(page: Any, bundle: Bundle) -> None:
    """The same input bytes; probabilities within 1e-4 of ONNX Runtime's; features and appearance likewise."""
    predictor = ONNXRuntimePredictor(bundle.read("onnx/int8.onnx"), precision="int8", threads=1)
    names = sorted(name for name in bundle.sums if name.startswith("golden/") and name.endswith(".png"))
    assert len(names) == 10
    for name in names:
        row = in_page(page, name, bundle.read(name))
        image = prepare(decode(bundle.read(name)).image, bundle.pixels)
        assert base64.b64decode(row["prepared"]) == image.tobytes()
        expected = predictor(image[None])
        assert np.abs(np.array(row["outputs"]["probabilities"]) - expected.probabilities[0]).max() <= 1e-4
        np.testing.assert_allclose(row["outputs"]["features"], expected.features[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(row["measured"], measure(image), rtol=1e-5, atol=1e-6)


def test_rows_are_those_of_classify(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """Label, probabilities, status and reason, for cells that are drawn, altered, small, damaged, or no cells."""
    random = np.random.default_rng(0)
    drawn = [draw_cell(kind, np.random.default_rng(number), size=363) for number, kind in enumerate(bundle.classes)]
    cell = drawn[0]
    gray = np.repeat(cell[..., 1:2], 3, axis=2)
    images = {f"drawn-{number}.png": png(image) for number, image in enumerate(drawn)}
    images |= {
        "blurred.png": png(np.asarray(cv2.GaussianBlur(cell, (0, 0), 4), np.uint8)),
        "dark.png": png((cell // 2).astype(np.uint8)),
        "large.png": png(np.asarray(cv2.resize(cell, (900, 900)), np.uint8)),
        "odd.png": png(cell[:301, :277]),
        "noise.png": png(random.integers(0, 256, (363, 360, 3), dtype=np.uint8)),
        "white.png": png(np.full((360, 360, 3), 255, np.uint8)),
        "gray.png": png(gray),
        "empty.png": b"",
        "cut.png": png(cell)[:-40],
    }
    page.evaluate("() => { edgewbc.rows.length = 0; }")
    expected = rows_of(bundle, images, tmp_path)
    differential = Differential.of(bundle.manifest)
    for row, (name, data) in zip(expected, images.items(), strict=True):
        found = in_page(page, name, data)
        differential.add(row)
        assert (found["label"], found["status"], found["reason"]) == (row.label, row.status, row.reason), name
        assert found["sha256"] == hashlib.sha256(data).hexdigest()
        if row.probability is not None:
            np.testing.assert_allclose(found["probabilities"], list(row.probabilities.values()), atol=1e-4)
    assert {row.status for row in expected} >= {"unfamiliar", "error"}
    summed = page.evaluate("() => edgewbc.differential(edgewbc.bundle, edgewbc.rows)")
    result = differential.to_json()
    names = ("counted", "review", "errors")
    assert [summed[name] for name in names] == [result[name] for name in names]
    assert summed["doubted"] == result["verdict"]["unlike_training_images"]
    assert summed["doubtful"] == result["verdict"]["doubtful"]


def test_a_jpeg_is_decoded_alike(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """Browsers decode JPEGs with libjpeg-turbo too; gray and incomplete ones are for review, as in `classify`."""
    cell = draw_cell("monocyte", np.random.default_rng(3), size=363)
    gray = cv2.imencode(".jpg", cell[..., 1])[1].tobytes()
    progressive = cv2.imencode(".jpg", cell[..., ::-1], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    images = {"cell.jpg": encode(cell, ".jpg"), "gray.jpg": gray, "progressive.jpg": progressive}
    for row, (name, data) in zip(rows_of(bundle, images, tmp_path), images.items(), strict=True):
        found = in_page(page, name, data)
        assert (found["label"], found["status"]) == (row.label, row.status), name
        assert ("grayscale" in found["reason"]) == ("grayscale" in row.reason) == (name == "gray.jpg")
        np.testing.assert_allclose(found["probabilities"], list(row.probabilities.values()), atol=0.01)
    lost = in_page(page, "lost.jpg", images["cell.jpg"][:-1000])
    assert (lost["status"], lost["label"], lost["reason"]) == ("error", "", "truncated or damaged")


JPEGS: dict[str, tuple[int, ...]] = {
    "baseline": (),
    "progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restart": (cv2.IMWRITE_JPEG_RST_INTERVAL, 7),
    "both": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 5),
    "444": (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "422": (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422, cv2.IMWRITE_JPEG_QUALITY, 40),
}


@pytest.mark.parametrize("kind", [*JPEGS, "gray"])
def test_damage_within_a_jpeg_is_found(page: Any, bundle: Bundle, kind: str) -> None:
    """Wherever libjpeg warns, the page has a reason, and it has none for whole files: all kinds of scans."""
    if bundle.name != "wbc5-edge":
        pytest.skip("files do not depend on the network")
    random = np.random.default_rng(0)
    cell = draw_cell("monocyte", random, size=150)[:139, :147]
    data = cv2.imencode(".jpg", cell[..., 1] if kind == "gray" else cell[..., ::-1], JPEGS.get(kind, ()))[1].tobytes()
    files = [data]
    for _ in range(30):
        size = int(random.integers(1, 8))
        at = int(random.integers(data.index(b"\xff\xda") + 14, len(data) - 2 - size))
        files.append(data[:at] + random.bytes(size) + data[at + size :])
    said = [read[1] if (read := jpeg_pixels.decode(one)) is not None else "not decoded" for one in files]
    assert said[0] == ""
    assert sum(map(bool, said)) > 5
    found = page.evaluate(
        "(files) => files.map((packed) => jpegDamage(Uint8Array.from(atob(packed), (one) => one.charCodeAt(0))))",
        [base64.b64encode(one).decode() for one in files],
    )
    assert found[0] == ""
    missed = [number for number, (ours, libjpeg) in enumerate(zip(found, said, strict=True)) if libjpeg and not ours]
    assert missed == []


def test_a_damaged_jpeg_is_for_review(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """With the reason and the status that `classify` gives it."""
    data = encode(draw_cell("monocyte", np.random.default_rng(3), size=363), ".jpg")
    random = np.random.default_rng(1)
    images = {"long.jpg": data[:-2] + b"\x55" * 40 + b"\xff\xd9"}
    while len(images) < 4:
        at = int(random.integers(len(data) // 2, len(data) - 9))
        changed = data[:at] + random.bytes(4) + data[at + 4 :]
        if any(note.startswith("damaged: premature") for note in decode(changed).notes):
            images[f"{at}.jpg"] = changed
    for row, (name, changed) in zip(rows_of(bundle, images, tmp_path), images.items(), strict=True):
        found = in_page(page, name, changed)
        assert (found["label"], found["status"]) == (row.label, row.status)
        assert [part for part in found["reason"].split("; ") if part.startswith("damaged: ")]


def test_what_the_page_does_not_read_has_no_label(page: Any, bundle: Bundle) -> None:
    cell = draw_cell("monocyte", np.random.default_rng(3), size=363)
    side = min(bundle.pixels.height, bundle.pixels.width) - 1
    clear = cv2.imencode(".png", np.dstack([cell, np.full(cell.shape[:2], 128, np.uint8)]))[1].tobytes()
    for name, data, reason in (
        ("cell.bmp", encode(cell, ".bmp"), "not a JPEG or PNG image"),
        ("small.png", png(cell[:side, :side]), "takes no image smaller than"),
        ("clear.png", clear, "partly transparent"),
    ):
        found = in_page(page, name, data)
        assert (found["status"], found["label"], found["probability"]) == ("error", "", None)
        assert reason in found["reason"]


def test_files_are_shown_counted_and_saved(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """Chosen files become rows and a differential; the CSV has the columns of `classify`, with names escaped."""
    cell = png(draw_cell("monocyte", np.random.default_rng(3), size=363))
    files = [tmp_path / "=1+1.png", tmp_path / "b, c.png", tmp_path / "notes.txt"]
    for file in files:
        file.write_bytes(cell)
    page.evaluate("() => { edgewbc.rows.length = 0; }")
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_function("() => document.querySelectorAll('#rows li').length === 2")
    page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('2 images')")
    with page.expect_download() as saved:
        page.click("#save")
    assert page.inner_text("#warning").endswith("1 file left out: hidden, or not named like an image.")
    lines = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(["path", "label", "probability", *bundle.classes, "status", "reason", "model_sha256"])
    assert lines[1].startswith("./=1+1.png,")
    assert lines[2].startswith('"b, c.png",')
    assert len(lines) == 3
    with page.expect_download() as saved:
        page.click("#save-excel")
    assert Path(saved.value.path()).read_bytes().startswith("\ufeffpath;label;probability;".encode())
    assert page.inner_text("#progress") == "Done: 2 of 2."
    page.click("#clear")
    page.wait_for_function("() => document.querySelectorAll('#rows li').length === 0")


def test_a_folder_has_the_rows_of_classify(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """The same files of a folder and its subfolders; no row for hidden and temporary ones, nor for a system's."""
    cell = png(draw_cell("monocyte", np.random.default_rng(3), size=363))
    names = ("a.PNG", "b.jfif", "c.jpe", "d.txt", "e", "._a.png", "~b.png", "$RECYCLE.BIN/f.png", ".x/g.png", "y/h.bmp")
    for name in names:
        path = tmp_path / "smear" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cell)
    page.evaluate("() => { edgewbc.rows.length = 0; }")
    page.set_input_files("#folder", str(tmp_path / "smear"))
    page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('4 images')")
    found = page.evaluate("() => edgewbc.rows.map((row) => row.path)")
    assert found == [path.relative_to(tmp_path).as_posix() for path in discover.find([tmp_path / "smear"])]
    assert "6 files left out" in page.inner_text("#warning")
    page.click("#clear")


def test_files_and_folders_are_dropped(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """On a page from a disk: images, folders with what is in them, and no row for what is no image."""
    cell = png(draw_cell("monocyte", np.random.default_rng(3), size=363))
    for name in ("smear/b.png", "smear/y/a.png", "smear/notes.txt", "smear/.x/g.png", "alone.png", "other.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(cell)
    page.evaluate("() => { edgewbc.rows.length = 0; }")
    session = page.context.new_cdp_session(page)
    files = [str(tmp_path / name) for name in ("smear", "alone.png", "other.txt")]
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 100, "y": 100, "data": data})
    page.wait_for_function("() => document.getElementById('counts').textContent.startsWith('3 images')")
    rows = page.evaluate("() => edgewbc.rows.map((row) => [row.path, row.label !== '', row.reason])")
    assert [(path, labeled) for path, labeled, _ in rows] == [
        ("alone.png", True),
        ("smear/b.png", True),
        ("smear/y/a.png", True),
    ], rows
    assert "3 files left out" in page.inner_text("#warning")
    page.click("#clear")


def test_a_folder_that_cannot_be_read_is_a_row(page: Any) -> None:
    """It is no image by its name, and would be lost."""
    rows = page.evaluate(
        """async () => {
            edgewbc.rows.length = 0;
            const folder = { name: "smear", async *values() { throw new Error("not allowed"); } };
            const item = { kind: "file", webkitGetAsEntry: () => ({ isDirectory: true }), getAsFile: () => null };
            const text = { kind: "string" };
            await edgewbc.add(await dropped([{ ...item, getAsFileSystemHandle: async () => folder }, text]));
            return edgewbc.rows.map((row) => [row.path, row.status, row.label, row.reason]);
        }"""
    )
    assert rows == [["smear", "error", "", "cannot be read: not allowed (this is a folder: try the button)"]]
    page.click("#clear")


def test_entries_are_read_where_there_are_no_handles(page: Any) -> None:
    """Of Firefox and Safari: a hundred at a time, folders within folders, and one that cannot be read."""
    found = page.evaluate(
        """async () => {
            const file = (name) => ({ name, isDirectory: false, file: (done) => done(name) });
            const folder = (name, parts) => ({ name, isDirectory: true, createReader: () => {
                const left = [...parts];
                return { readEntries: (done, failed) => (parts.length ? done(left.shift() ?? []) : failed("no")) };
            } });
            const top = folder("a", [[file("1"), folder("b", [[file("2")]])], [file("3"), folder("c", [])]]);
            const found = await dropped([{ kind: "file", webkitGetAsEntry: () => top, getAsFile: () => null }]);
            return found.map(([path, , unreadable]) => [path, Boolean(unreadable)]);
        }"""
    )
    assert found == [["a/1", False], ["a/b/2", False], ["a/3", False], ["a/c", True]]


def test_a_file_that_cannot_be_read_is_a_row_and_the_others_follow(page: Any) -> None:
    """A file that is gone by then, or is too large; what is added later is classified too."""
    cell = base64.b64encode(png(draw_cell("monocyte", np.random.default_rng(3), size=363))).decode()
    rows = page.evaluate(
        """async (packed) => {
            edgewbc.rows.length = 0;
            const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
            edgewbc.add([["a.png", () => { throw new Error("gone"); }], ["b.png", () => ({ size: 2 ** 30 + 1 })]]);
            await edgewbc.add([["c.png", () => new File([bytes], "c.png")]]);
            return edgewbc.rows.map((row) => [row.path, row.status, row.label, row.reason]);
        }""",
        cell,
    )
    assert rows[0] == ["a.png", "error", "", "cannot be read: gone"]
    assert rows[1] == ["b.png", "error", "", "too large: the file has more than 1024 MiB"]
    assert rows[2][0] == "c.png"
    assert rows[2][2]
    page.click("#clear")


def test_sizes_that_classify_refuses_are_refused_alike(page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """Too many pixels, for their number of bytes, and with an alpha channel."""
    blank = png(np.full((400, 400, 3), 255, np.uint8))

    def claiming(width: int, height: int, kind: int) -> bytes:
        header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, kind, 0, 0, 0])
        return blank[:12] + header + zlib.crc32(header).to_bytes(4, "big") + blank[33:]

    images = {
        "huge.png": claiming(20_000, 6_000, 2),
        "alpha.png": claiming(10_000, 6_000, 6),
        "sparse.png": claiming(4_000, 3_000, 2),
    }
    for row, (name, data) in zip(rows_of(bundle, images, tmp_path), images.items(), strict=True):
        found = in_page(page, name, data)
        assert (found["status"], found["reason"]) == (row.status, row.reason), name
        assert "too large: " in row.reason, name


def test_licenses_and_policy_are_in_the_file(file: Path, bundle: Bundle) -> None:
    """The license of the runtime, and a policy that forbids every connection; a file is not overwritten."""
    assert file.read_bytes().startswith(codecs.BOM_UTF16_LE)
    text = file.read_text(encoding="utf-16")
    assert "Copyright (c) Microsoft Corporation" in text
    assert "default-src 'none'" in text
    assert "src=" not in text.split('id="bundle"')[0]
    with pytest.raises(UserError, match=r"page\.html: exists already"):
        web_page.write(bundle, file)


def opened(browser: Any, file: Path, script: str = "") -> Any:
    """Open a page without a network, after a script, and wait until it is ready or says why it is not."""
    found = browser.new_context(offline=True).new_page()
    found.add_init_script(script)
    found.goto(file.as_uri())
    found.wait_for_function("() => document.getElementById('progress').textContent !== 'Loading the model'")
    return found


def test_the_largest_network_fits(archive: Path, page: Any, bundle: Bundle, tmp_path: Path) -> None:
    """The page of the released network with the largest ONNX file is within the limit, and predicts as ONNX Runtime."""
    if bundle.name != "wbc5-edge":
        pytest.skip("once is enough")
    large = Bundle.open(resources.folder("export/bundles") / "wbc5-accurate")
    file = tmp_path / "page.html"
    assert web_page.write(large, file, archive) <= web_page.MAX_BYTES
    found = opened(page.context.browser, file)
    assert found.inner_text("#progress") == ""
    predictor = ONNXRuntimePredictor(large.read("onnx/int8.onnx"), precision="int8", threads=1)
    for name in sorted(name for name in large.sums if name.startswith("golden/") and name.endswith(".png")):
        row = in_page(found, name, large.read(name))
        expected = predictor(prepare(decode(large.read(name)).image, large.pixels)[None])
        assert np.abs(np.array(row["outputs"]["probabilities"]) - expected.probabilities[0]).max() <= 1e-4
        assert row["status"] != "error"
    found.context.close()


def test_a_damaged_file_says_so_and_classifies_nothing(page: Any, file: Path, bundle: Bundle, tmp_path: Path) -> None:
    """One unit in the middle of the WebAssembly is another: the sum of the part is wrong."""
    if bundle.name != "wbc5-edge":
        pytest.skip("once is enough")
    data = bytearray(file.read_bytes())
    start = data.index('id="wasm">'.encode("utf-16-le"))
    data[start + 100_000] ^= 0x10
    (tmp_path / "page.html").write_bytes(data)
    found = opened(page.context.browser, tmp_path / "page.html")
    assert "this file is damaged: copy it again" in found.inner_text("#progress")
    row = in_page(found, "a.png", bundle.read("golden/00-neutrophil.png"))
    assert (row["status"], row["label"]) == ("error", "")
    assert "this file is damaged" in row["reason"]
    found.context.close()


NOISE = """
    const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
    OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...part) {
        const found = read.apply(this, part);
        found.data[4 * 1000] ^= 1;
        return found;
    };
"""
"""One pixel of an image is a level off, as where a browser protects against tracking."""


def test_a_browser_that_changes_pixels_classifies_nothing(page: Any, file: Path, bundle: Bundle) -> None:
    """Golden samples must be read to the last bit."""
    if bundle.name != "wbc5-edge":
        pytest.skip("pixels do not depend on the network")
    found = opened(page.context.browser, file, NOISE)
    reason = "this browser does not show a page the true pixels of an image"
    assert found.inner_text("#progress").startswith(f"This page cannot classify here: {reason}")
    row = in_page(found, "a.png", bundle.read("golden/00-neutrophil.png"))
    assert (row["status"], row["label"]) == ("error", "")
    assert row["reason"].startswith(reason)
    found.context.close()


def test_other_predictions_than_expected_are_refused(page: Any, bundle: Bundle) -> None:
    """As many golden samples as classes; each probability within the tolerance of the bundle."""
    golden = page.evaluate("() => bundle.golden")
    assert golden["tolerance"] == bundle.manifest.onnx_tolerance["int8"]
    assert len(golden["samples"]) == len(bundle.classes)
    said = page.evaluate(
        """async (change) => {
            const samples = bundle.golden.samples.map((each) => ({ ...each, probabilities: each.probabilities.map(
                (value, at) => at === 1 ? value + change : value) }));
            const outcome = reproduce({ ...bundle.golden, samples }, part("golden"), await network);
            return outcome.then(() => "", (error) => error.message);
        }""",
        0.06,
    )
    assert re.fullmatch(
        r"this browser does not give the expected predictions: a probability differs by 0\.0[56]\d*, allowed are "
        rf"{golden['tolerance']:.2g}: use another browser, or write this file anew",
        said,
    )


@pytest.mark.parametrize("turn", range(2, 9))
def test_an_orientation_is_applied_as_in_classify(page: Any, bundle: Bundle, turn: int) -> None:
    """By EXIF, of JPEG and PNG: the prepared image has the bytes of `decode`; nonsense counts as upright."""
    if bundle.name != "wbc5-edge":
        pytest.skip("pixels do not depend on the network")
    cell = draw_cell("monocyte", np.random.default_rng(3), size=363)[:301]
    best = encode(cell, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 100))
    images = [samples.png_with(png(cell), b"eXIf", samples.exif(turn))]
    images += [samples.jpeg_with_exif(best, turn), samples.jpeg_with_exif(best, 70 + turn)]
    upright = [decode(data).image for data in images]
    assert (upright[0].shape == upright[2].shape) == (turn < 5)
    for data, image in zip(images, upright, strict=True):
        row = in_page(page, "turned", data)
        found = np.frombuffer(base64.b64decode(row["prepared"]), np.uint8).astype(int)
        expected = prepare(image, bundle.pixels).astype(int).reshape(-1)
        assert np.abs(found - expected).max() <= (0 if data is images[0] else 2), row["reason"]


def test_paths_are_in_the_order_of_classify(page: Any, tmp_path: Path) -> None:
    """Folder by folder, and not by the characters of the whole path, where a hyphen comes before a slash."""
    names = ("b.png", "a/x.png", "a/y/z.png", "a-b/x.png", "a.png", "B.png", "a/x/1.png")
    for name in names:
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / name).write_bytes(b"")
    expected = [path.relative_to(tmp_path).as_posix() for path in discover.find([tmp_path / "s"])]
    found = page.evaluate(
        "async (names) => { edgewbc.rows.length = 0;"
        " await edgewbc.add(names.map((name) => [name, () => new File([], name)]));"
        " return edgewbc.rows.map((row) => row.path); }",
        [f"s/{name}" for name in names],
    )
    assert found == expected
    page.click("#clear")


@pytest.mark.parametrize("style", [CsvStyle.PLAIN, CsvStyle.EXCEL])
def test_names_are_written_as_in_the_table_of_classify(page: Any, bundle: Bundle, style: CsvStyle) -> None:
    """Formulas, quotes, control characters, halves of characters, and text that looks like one."""
    names = [
        "=1.png",
        "a,b.png",
        "a;b.png",
        'say "x".png',
        "a\nb.png",
        "é µ.png",
        "🦠.png",
        "\\udcff.png",
        "'x.png",
        " x.png",
    ]
    sha256 = bundle.model_sha256("onnx", "int8")
    rows = [ResultRow(name, "", None, {}, Status.ERROR, "", sha256) for name in names]
    shares = (0.5, 0.25, 0.125, 0.1, 0.025)
    label, reason = bundle.classes[0], "dark, or blurred; small"
    probabilities = dict(zip(bundle.classes, shares, strict=True))
    rows.append(ResultRow("a.png", label, 0.5, probabilities, Status.REVIEW, reason, sha256))
    written = io.StringIO()
    write_csv(rows, bundle.classes, written, style=style)
    found = page.evaluate(
        """([names, style, last]) => edgewbc.csv([...names.map((path) => ({ path, label: "", probability: null,
            probabilities: [], status: "error", reason: "" })), last], style)""",
        [
            names,
            style.value,
            {
                "path": "a.png",
                "label": label,
                "probability": 0.5,
                "probabilities": shares,
                "status": "review",
                "reason": reason,
            },
        ],
    )
    assert found == written.getvalue()


def test_another_archive_is_refused(tmp_path: Path) -> None:
    """A wrong hash, or a file that is not there."""
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as opened:
        opened.addfile(tarfile.TarInfo("package/dist/x"), io.BytesIO())
    with pytest.raises(UserError, match=r"a\.tgz: is not the archive of onnxruntime-web 1\.30\.0 \(wrong hash\)"):
        web_page.runtime(tmp_path / "a.tgz")
    with pytest.raises(UserError, match=r"b\.tgz: cannot be read"):
        web_page.runtime(tmp_path / "b.tgz")


def test_bundles_without_a_page_are_refused(tmp_path: Path) -> None:
    """Crops that need a located cell, and bundles without an ONNX file."""
    travel = Bundle.open(resources.folder("export/bundles") / "wbc5-travel")
    with pytest.raises(UserError, match="locates cells with the crop `cell`, which a browser page cannot do"):
        web_page.write(travel, tmp_path / "page.html")
    with pytest.raises(UserError, match="holds no ONNX file, which the page needs: export the run again"):
        web_page.write(make_bundle(tmp_path / "b"), tmp_path / "page.html")
    with pytest.raises(UserError, match="an adapted bundle has none; use edgewbc classify"):
        web_page.write(make_bundle(tmp_path / "adapted", adaptation={}), tmp_path / "page.html")
    edge = Bundle.open(resources.folder("export/bundles") / "wbc5-edge")
    with pytest.raises(UserError, match="holds no f32 model for onnx; it holds: int8"):
        web_page.write(edge, tmp_path / "page.html", precision="f32")
    assert not (tmp_path / "page.html").exists()

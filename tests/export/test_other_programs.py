"""Exported packages in the programs that they are for; a program that is not installed skips its test, saying so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.export import bioimageio, ovms
from edgewbc.images.decode import decode
from edgewbc.pixels import prepare
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.utils import resources


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(resources.folder("export/bundles") / "wbc5-edge")


@pytest.fixture(scope="module")
def served(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a repository of OpenVINO Model Server."""
    folder = tmp_path_factory.mktemp("ovms") / "served"
    return folder / ovms.write(bundle, folder) / "1" / "model.xml"


@pytest.fixture(scope="module")
def zoo(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package for the BioImage Model Zoo."""
    folder = tmp_path_factory.mktemp("zoo") / "zoo"
    bioimageio.write(bundle, folder, "Apache-2.0")
    return folder


def test_bioimageio_test_passes(zoo: Path) -> None:
    """`bioimageio test`: the description is valid, and the test output is reproduced for batches of one and two."""
    core: Any = pytest.importorskip("bioimageio.core", reason="needs bioimageio.core, which is in no extra of edgewbc")
    summary = core.test_description(zoo / bioimageio.RDF)
    assert summary.status == "passed", summary.format()


def test_model_api_gives_the_same_label(bundle: Bundle, served: Path) -> None:
    """Model API knows the model as a classifier by itself, and the class names; crop and resize are the client's."""
    models: Any = pytest.importorskip("model_api.models", reason="needs openvino-model-api, which is in no extra")
    model = models.Model.create_model(str(served), preload=True)
    assert isinstance(model, models.ClassificationModel)
    assert list(model.params.labels) == list(bundle.classes)
    engine = OpenVINOPredictor(served.read_bytes(), served.with_suffix(".bin").read_bytes(), threads=1)
    for name in [name for name in bundle.sums if name.endswith(".png")][:3]:
        image = prepare(decode(bundle.read(name)).image, bundle.pixels)
        expected = engine(image[None]).probabilities[0]
        top = model(image[..., ::-1]).top_labels[0]  # it takes BGR, as the file says
        assert (top.id, top.name) == (int(expected.argmax()), bundle.classes[int(expected.argmax())])
        assert top.confidence == pytest.approx(float(expected.max()), abs=0.02)  # it may compute in bf16


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser that reaches nothing but this computer."""
    pytest.importorskip("playwright")
    browsers = pytest.importorskip("tests.review.browser", reason="needs the extra review")
    if not browsers.executable():
        pytest.skip("no Chromium, Chrome or Edge here (EDGEWBC_CHROMIUM names one)")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browsers.executable(), args=arguments)
        yield started
        started.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("onnx/int8.onnx", {"image": 1, "Conv": 7, "Gemm": 1, "Softmax": 1, "probabilities": 1}),
        ("openvino/int8.xml", {"image": 1, "Convolution": 7, "MatMul": 1, "SoftMax": 1}),
    ],
)
def test_netron_draws_the_graph(browser: Any, bundle: Bundle, name: str, expected: dict[str, int]) -> None:
    """Netron's own page draws the network from its input to its output, the seven convolutions included."""
    netron: Any = pytest.importorskip("netron", reason="needs netron, which is in the extra dev")
    address = netron.serve(str(bundle.path / name), None, ("127.0.0.1", 0))
    try:
        url = f"http://{address[0]}:{address[1]}/"
        context = browser.new_context()
        context.add_cookies([{"name": "consent", "value": "1", "url": url}])  # else it asks first
        date = re.search(r'name="date" content="([\d-]+)', (Path(netron.__file__).parent / "index.html").read_text())
        assert date is not None
        page = context.new_page()
        page.clock.set_fixed_time(date[1])  # 180 days after its release, it shows a request to update alone
        page.goto(url)
        page.wait_for_selector("g.node", timeout=60_000)
        found = page.content()
        context.close()
    finally:
        netron.stop(address)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", found)
    assert {text: texts.count(text) for text in expected} == expected

"""Tests of bench.ovms, with a program that stands in for OpenVINO Model Server: it is in no package registry."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import ovms
from edgewbc.bundle.bundle import Bundle
from tests.docs.blocks import TOP

STAND_IN = '''#!{python}
"""Reads the configuration and serves its model as the protocol says."""
import http.server, json, pathlib, sys
import numpy as np, openvino as ov
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
(entry,) = json.load(open(options["--config_path"]))["model_config_list"]
name, base = entry["config"]["name"], pathlib.Path(entry["config"]["base_path"])
(version,) = [each for each in base.iterdir() if each.name.isdigit() and int(each.name) > 0]
(xml,) = version.glob("*.xml")
assert xml.with_suffix(".bin").is_file()
model = ov.Core().compile_model(xml, "CPU", entry["config"]["plugin_config"])

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self): self.answer({{}})
    def do_POST(self):
        assert self.path == f"/v2/models/{{name}}/infer", self.path
        body = self.rfile.read(int(self.headers["Content-Length"]))
        length = int(self.headers["Inference-Header-Content-Length"])
        (tensor,) = json.loads(body[:length])["inputs"]
        images = np.frombuffer(body[length:], np.uint8).reshape(tensor["shape"])
        found = model({{tensor["name"]: images}})["probabilities"]{change}
        self.answer({{"outputs": [{{"name": "probabilities", "shape": found.shape, "data": found.ravel().tolist()}}]}})
    def answer(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

http.server.HTTPServer((options["--rest_bind_address"], int(options["--rest_port"])), Handler).serve_forever()
'''


def stand_in(folder: Path, change: str = "") -> str:
    """Write the stand-in; return its path."""
    path = folder / "ovms"
    path.write_text(STAND_IN.format(python=sys.executable, change=change), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script")
def test_golden_samples_in_the_server(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same labels, to the last digits; a server with other labels is noticed."""
    assert ovms.main([str(bundle.path), "--ovms", stand_in(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["same_label"]) == (3, 3)
    assert found["difference"] < 1e-5
    assert ovms.main([str(bundle.path), "--ovms", stand_in(tmp_path, "[:, ::-1]")]) == 3
    assert "another label" in capsys.readouterr().err


def test_without_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that it is in no registry; a program that ends at once is told too."""
    assert ovms.main(["--ovms", "no-such-ovms"]) == 2
    assert "in no package registry" in capsys.readouterr().err
    (tmp_path / "ovms").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "ovms").chmod(0o755)
    assert ovms.main([str(TOP / "export/bundles/wbc5-edge"), "--ovms", str(tmp_path / "ovms")]) == 2
    assert "ended with code 7" in capsys.readouterr().err

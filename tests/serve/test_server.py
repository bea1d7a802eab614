"""Tests of edgewbc.serve.server: token rules, and a server of its own process from start to SIGTERM."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.serve import server
from tests.serve.client import binary, files, outputs
from tests.tiny import encode, make_image

TOKEN = "0123456789abcdef-of-a-test"  # noqa: S105 - of this test


def test_where_the_token_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, or the environment; none is needed where only this computer reaches the server."""
    monkeypatch.delenv(server.TOKEN_VARIABLE, raising=False)
    assert server.token(None, "127.0.0.1") is None
    assert server.token(None, "::1") is None
    for host in ("0.0.0.0", "192.168.1.7", "::", "wbc.example"):  # noqa: S104 - refused
        with pytest.raises(UserError, match="--token-file.*EDGEWBC_SERVE_TOKEN"):
            server.token(None, host)
    monkeypatch.setenv(server.TOKEN_VARIABLE, TOKEN)
    assert server.token(None, "127.0.0.1") == TOKEN
    (tmp_path / "token").write_text("another-token-of-a-test\n")
    assert server.token(tmp_path / "token", "0.0.0.0") == "another-token-of-a-test"  # noqa: S104 - with a token


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("short", "16 or more"), ("with spaces in it all over", "16 or more"), ("é" * 20, "16 or more")],
)
def test_a_token_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    """One line names the file."""
    (tmp_path / "token").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        server.token(tmp_path / "token", "127.0.0.1")
    with pytest.raises(UserError, match="cannot be read"):
        server.token(tmp_path / "none", "127.0.0.1")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for one process")
def test_sigterm_finishes_what_was_accepted(bundle: Bundle, tmp_path: Path) -> None:
    """With a token, from the command line: requests under way are answered, and the exit code is 0."""
    (tmp_path / "token").write_text(TOKEN)
    command = [sys.executable, "-m", "edgewbc", "serve", "--model", f"m={bundle.path}", "--port", "0", "--threads", "1"]
    process = subprocess.Popen(
        [*command, "--token-file", str(tmp_path / "token")], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(3)]
    assert "serving m at http://127.0.0.1:" in lines[1], lines
    assert "a token is needed" in lines[2]
    address = lines[1].split(" at ")[1].split("/v2")[0]
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    answers: list[httpx.Response] = []
    image = encode(np.asarray(make_image(0, 600, 600)))
    body, headers = binary([image] * 20)

    def send() -> None:
        url, sent = f"{address}/v2/models/m/infer", {**headers, **bearer}
        answers.append(httpx.post(url, content=body, headers=sent, timeout=60))

    assert httpx.get(f"{address}/v2").status_code == 401
    assert httpx.get(f"{address}/v2/health/ready").status_code == 200
    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    metrics = ""
    while "edgewbc_images_in_flight 60.0" not in metrics and len(answers) < 2:
        metrics = httpx.get(f"{address}/metrics", headers=bearer).text
    process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(60)
    out, err = process.communicate(timeout=60)
    assert [len(outputs(answer)["label"]) for answer in answers] == [20] * 3
    assert (process.returncode, out, err) == (0, "", "")


def test_a_server_in_a_thread(bundle: Bundle) -> None:
    """Several requests over one connection; afterwards nobody listens."""
    from edgewbc.serve import models
    from edgewbc.serve.limits import Limits

    served = models.load({"m": bundle}, {}, threads=1)
    with server.serving(served, Limits()) as address, httpx.Client(base_url=address) as client:
        for _ in range(3):
            answer = client.post("/v2/models/m/infer", content=json.dumps(files([encode(make_image(1))])))
            assert len(outputs(answer)["label"]) == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/v2")

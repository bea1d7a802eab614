"""Run `export --as ovms` in OpenVINO Model Server: `python -m bench.ovms BUNDLE`.

The server is in no package registry: it comes as a container (openvino/model_server) or as an archive with the program
`ovms`. Where the program is installed, this exports the bundle, starts the server, waits until it is ready, sends the
golden samples as pixels by the KServe v2 protocol, and compares the labels with those that OpenVINO gives here.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess  # noqa: S404
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.cli.console import emit
from edgewbc.errors import GateError, UserError, exit_code
from edgewbc.export import ovms
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch
from edgewbc.runtime.selftest import GoldenSamples
from edgewbc.serve.request import LENGTH_HEADER
from edgewbc.utils import http_server, resources
from edgewbc.utils.files import write_json

READY = 60.0
"""Seconds that the server gets to load the model."""
TIMEOUT = 60.0


def configure(repository: Path, name: str) -> None:
    """Write a configuration for the folder where the repository is, instead of that of a container."""
    write_json(repository / ovms.CONFIG, ovms.config(name, str((repository / name).resolve())))


@contextmanager
def serving(program: str, repository: Path) -> Iterator[str]:
    """Run the server while the block runs; yield its address.

    Raises:
        UserError: it ends, or is not ready in time.
    """
    with http_server.listen(http_server.LOOPBACK, 0) as free:
        port = free.getsockname()[1]
    options = ["--config_path", str(repository / ovms.CONFIG), "--rest_port", str(port)]
    options += ["--rest_bind_address", http_server.LOOPBACK]
    process = subprocess.Popen(  # noqa: S603
        [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://{http_server.LOOPBACK}:{port}"
    try:
        end = time.monotonic() + READY
        while not _ready(address):
            if process.poll() is not None:
                raise UserError(f"{program}: ended with code {process.returncode} before it was ready")
            if time.monotonic() > end:
                raise UserError(f"{program}: was not ready within {READY:.0f} s")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/v2/health/ready", timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def request(images: Batch) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request with prepared images, uint8 (n, height, width, 3)."""
    data = images.tobytes()
    tensor = {
        "name": "image",
        "datatype": "UINT8",
        "shape": list(images.shape),
        "parameters": {"binary_data_size": len(data)},
    }
    head = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
    return head + data, {LENGTH_HEADER: str(len(head)), "Content-Type": "application/octet-stream"}


def probabilities(address: str, name: str, images: Batch) -> Any:
    """Return what the server gives for prepared images, (n, K).

    Raises:
        UserError: it gives something else.
    """
    body, headers = request(images)
    asked = urllib.request.Request(f"{address}/v2/models/{name}/infer", body, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT) as response:  # noqa: S310
            found = json.loads(response.read())
        (tensor,) = (each for each in found["outputs"] if each["name"] == "probabilities")
        return np.asarray(tensor["data"], np.float64).reshape(tensor["shape"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{name}: the server gives no probabilities: {error!r}") from None


def compare(bundle: Bundle, program: str, precision: str | None = None) -> dict[str, Any]:
    """Run a bundle's golden samples in the server; return what was compared, as JSON values."""
    images = GoldenSamples.from_bundle(bundle).images
    expected = OpenVINOPredictor.from_bundle(bundle, precision, threads=1)(images).probabilities
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "served"
        name = ovms.write(bundle, repository, precision)
        configure(repository, name)
        with serving(program, repository) as address:
            found = probabilities(address, name, images)
    same = int((found.argmax(1) == expected.argmax(1)).sum())
    difference = round(float(np.abs(found - expected).max()), 6)
    return {"bundle": bundle.name, "samples": len(images), "same_label": same, "difference": difference}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit code 0, 2 where the server is not installed, 3 if a label differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.ovms", description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?", help="default: the shipped one")
    parser.add_argument("--precision", help="int8 or f32; default: the bundle's")
    parser.add_argument("--ovms", default="ovms", help="the server's program")
    options = parser.parse_args(arguments)

    def step() -> None:
        program = shutil.which(options.ovms)
        if program is None:
            raise UserError(
                f"{options.ovms}: the program of OpenVINO Model Server is not installed: it is in no package registry; "
                "unpack an archive of its releases, or run this where it is, such as in its container"
            )
        found = compare(Bundle.open(options.bundle or resources.shipped_bundle()), program, options.precision)
        emit(found)
        if found["same_label"] != found["samples"]:
            raise GateError(f"{found['samples'] - found['same_label']} golden samples have another label in the server")

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

"""`edgewbc export --as html`: one HTML file that classifies images in a browser, without a network.

The file holds the bundle's ONNX model, ONNX Runtime compiled to WebAssembly, and scripts that port the pixel pipeline
and the decisions of `classify` (see the folder `web` beside this module). The runtime comes from the npm package
`onnxruntime-web`, whose archive is checked against a hash.
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import io
import json
import shutil
import subprocess  # noqa: S404
import tarfile
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.cells import NOT_LEUKOCYTES
from edgewbc.errors import UserError
from edgewbc.export import web_parts
from edgewbc.export.web_golden import PageGolden
from edgewbc.images import discover
from edgewbc.images.files import MAX_BYTES as MAX_BYTES_OF_IMAGE
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.lab.verdict import Usual
from edgewbc.utils.files import atomic_write

RUNTIME = "onnxruntime-web"
VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""SHA-512 of the package's archive in Base64, as `npm view onnxruntime-web dist.integrity` states it."""
SCRIPT, WASM = "package/dist/ort.wasm.bundle.min.mjs", "package/dist/ort-wasm-simd-threaded.wasm"
MAX_BYTES = 6_000_000
"""Size in bytes up to which a file is meant to be; the runtime takes 2.4 million of it."""
SECONDS = 600
"""Time limit of the download."""

_WEB = Path(__file__).with_name("web")
_NAMES = ("unpack", "pixels", "appearance", "jpeg_damage", "decode", "decision", "golden", "page")
_SCRIPTS = tuple(f"{name}.js" for name in _NAMES)
_LICENSES = """edgewbc: Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0
Weights of the network: {weights}

ONNX Runtime {version} (onnxruntime-web, https://github.com/microsoft/onnxruntime): MIT License

{mit}"""


def write(bundle: Bundle, to: Path, archive: Path | None = None, precision: str | None = None) -> int:
    """Write a bundle as one HTML file that classifies.

    Args:
        bundle: the bundle.
        to: the file; it must not exist.
        archive: the package's archive (`npm pack onnxruntime-web`); None downloads it with npm.
        precision: of the ONNX file that runs in the page; None takes int8, or else f32.

    Returns:
        The size of the file in bytes.

    Raises:
        UserError: the bundle's crop is not supported, it has no such ONNX file, `to` exists, the archive is not the
            right one, or npm is missing or fails.
    """
    if to.exists():
        raise UserError(f"{to}: exists already: give another --to")
    crop = bundle.pixels.crop
    if crop not in ("whole", "centre"):
        what = "locates cells with the crop `cell`" if crop == "cell" else f"has the crop `{crop}`"
        raise UserError(f"{bundle.path}: {what}, which a browser page cannot do: use edgewbc classify")
    precision = precision or next((p for p in ("int8", "f32") if bundle.holds("onnx", p)), None)
    if precision is None:
        mend = "export the run again"
        if bundle.manifest.adapted:
            mend = "an adapted bundle has none; use edgewbc classify"
        raise UserError(f"{bundle.path}: holds no ONNX file, which the page needs: {mend}")
    model = bundle.read_model("onnx", precision)
    golden = PageGolden.of_bundle(bundle, precision)
    script, wasm = runtime(archive)
    packed = {
        "model": web_parts.pack(model.contents[0]),
        "runtime": web_parts.pack(script),
        "wasm": web_parts.pack(wasm),
        "familiarity": web_parts.pack(familiarity_arrays(bundle)),
        "golden": web_parts.pack(b"" if golden is None else golden.files),
    }
    page = (_WEB / "page.html.tmpl").read_text(encoding="utf-8")
    about = (
        f"{bundle.name}, {precision}, SHA-256 {model.sha256}. Written by edgewbc {__version__} with ONNX Runtime "
        f"{VERSION}. Labels and statuses follow the rules of edgewbc classify; only JPEG and PNG are read."
    )
    values = facts(bundle, model.sha256)
    values["golden"] = None if golden is None else golden.to_json()
    values["parts"] = {name: part.to_json() for name, part in packed.items()}
    values["literal_bits"] = web_parts.LITERAL_BITS
    parts = {
        "TITLE": escape(f"{bundle.name}: white blood cells"),
        "STYLE": (_WEB / "style.css").read_text(encoding="utf-8"),
        "ABOUT": escape(about),
        "LICENSES": escape(licenses(bundle)),
        "BUNDLE": json.dumps(values).replace("<", "\\u003c"),
        **{name.upper(): part.text for name, part in packed.items()},
        "SCRIPT": "".join((_WEB / name).read_text(encoding="utf-8") for name in _SCRIPTS).replace(
            '"use strict";\n', ""
        ),
    }
    pieces = page.split("@")  # markers: text between two at signs
    text = "".join(parts[piece] if number % 2 else piece for number, piece in enumerate(pieces))
    with atomic_write(to) as temporary:
        temporary.write_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
    return to.stat().st_size


def facts(bundle: Bundle, sha256: str) -> dict[str, Any]:
    """Return what the page knows of a bundle, as JSON values.

    Args:
        bundle: the bundle.
        sha256: of its model.
    """
    manifest, familiarity = bundle.manifest, bundle.familiarity()
    usual = Usual.of(manifest)
    thresholds = ReviewThresholds().of_bundle(manifest)
    found: dict[str, Any] = {
        "name": bundle.name,
        "classes": list(bundle.classes),
        "not_leukocytes": list(NOT_LEUKOCYTES),
        "files": {
            "suffixes": sorted(discover.SUFFIXES),
            "temporary": list(discover.TEMPORARY),
            "system_folders": sorted(discover.SYSTEM_FOLDERS),
            "max_bytes": MAX_BYTES_OF_IMAGE,
        },
        "pixels": bundle.pixels.to_dict(),
        "model_sha256": sha256,
        "temperature": None if manifest.calibration is None else manifest.calibration.temperature,
        "review_below": thresholds.default,
        "usual": {"review_below": usual.review_below, "share": usual.share},
        "training_images": None if manifest.training_images is None else manifest.training_images.to_json(),
        "familiarity": None,
    }
    if familiarity is not None:
        found["familiarity"] = {
            "features": len(familiarity.center),
            "components": len(familiarity.spread),
            "groups": len(familiarity.means),
            "spread": [float(value) for value in familiarity.spread],
            "scale": np.asarray(familiarity.scale).tolist(),
            "threshold": familiarity.threshold,
            "score_threshold": None if familiarity.others is None else familiarity.score_threshold,
            "others": None,
        }
        if familiarity.others is not None:
            found["familiarity"]["others"] = {
                "bias": [float(value) for value in familiarity.others.bias],
                "kinds": len(familiarity.others.kinds),
            }
    return found


def familiarity_arrays(bundle: Bundle) -> bytes:
    """Return the large arrays of a bundle's familiarity statistics as float16, one after the other; empty without."""
    found = bundle.familiarity()
    if found is None:
        return b""
    arrays = [found.center, found.projection, found.means, found.whitening]
    if found.others is not None:
        arrays.append(found.others.weights)
    return b"".join(array.astype("<f2").tobytes() for array in arrays)


def licenses(bundle: Bundle) -> str:
    """Return the licenses of what the page contains."""
    stated = bundle.manifest.weights_license or "not stated"
    mit = (_WEB / "LICENSE-onnxruntime.txt").read_text(encoding="utf-8")
    return _LICENSES.format(weights=stated, version=VERSION, mit=mit)


def runtime(archive: Path | None) -> tuple[bytes, bytes]:
    """Return the runtime's script and its WebAssembly, from the package's archive.

    Args:
        archive: the archive; None downloads it with npm.

    Raises:
        UserError: it is missing or not the archive of this version, or npm is missing or fails.
    """
    if archive is not None:
        return _from_archive(archive)
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        return _from_archive(download(Path(folder)))


def download(folder: Path) -> Path:
    """Download the package's archive into a folder with npm, and return its path.

    Raises:
        UserError: npm is missing or fails.
    """
    npm = shutil.which("npm")
    spec = f"{RUNTIME}@{VERSION}"
    mend = f"run `npm pack {spec}` on another PC, and give the file as --runtime"
    if npm is None:
        raise UserError(f"npm is not installed, and {spec} comes from its registry: install Node.js, or {mend}")
    command = [npm, "pack", spec, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, text=True)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise UserError(f"npm pack {spec}: not finished after {SECONDS} s: {mend}") from None
    found = next(folder.glob("*.tgz"), None)
    if done.returncode or found is None:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"npm pack {spec} failed: {said}: {mend}")
    return found


def _from_archive(path: Path) -> tuple[bytes, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != SHA512:
        raise UserError(f"{path}: is not the archive of {RUNTIME} {VERSION} (wrong hash): get it anew with npm pack")
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        members = [opened.extractfile(name) for name in (SCRIPT, WASM)]
        script, wasm = (member.read() if member is not None else b"" for member in members)
    return script, wasm

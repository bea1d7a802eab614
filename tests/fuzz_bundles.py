"""Generate damaged or malicious bundles, as folders and as zips. No model in them is ever compiled."""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import FAMILIARITY, MANIFEST, SUMS
from edgewbc.decision import familiarity_fit
from edgewbc.decision.familiarity import Familiarity
from edgewbc.errors import UserError
from tests.protobuf import onnx_model

SECRET = b"what no bundle may read"
OUTSIDE = "secret.txt"
"""A file next to the bundle's folder, which contains `SECRET`."""
NAMES = (
    f"../{OUTSIDE}", f"openvino/../../{OUTSIDE}", f"./../{OUTSIDE}", f"..\\{OUTSIDE}", "/etc/passwd", "//host/share/x",
    "\\\\host\\share\\x", "C:\\x", "C:x", "c:/x", "file:stream", "CARD.md::$DATA", "CON", "nul.txt", "a/COM1", "aux ",
    "lpt9.x", "a.", "a ", " ", ".", "..", "", "a//b", "a/./b", "./a", "a/", "card.md", "CARD.MD", "Openvino/int8.xml",
    "a\0b", "a\nb", "a\rb", "\u2028", "\ud800", "e\u0301", "\u00e9", "ﬁ", "fi", "link", "pipe", "inward", "x" * 300,
    "/dev/zero", "/proc/self/environ", "~/x", "$HOME/x", "%TEMP%\\x", "?", "*", MANIFEST, SUMS, "openvino", "CARD.md",
)  # fmt: skip
"""Invalid and unusual file names to try."""


@cache
def statistics() -> Familiarity:
    """Return familiarity statistics of three features and two classes."""
    features = np.random.default_rng(0).gamma(2, 1, (200, 3)).astype(np.float32)
    return familiarity_fit.fit(features, np.arange(200) % 2, features)


@cache
def files() -> dict[str, bytes]:
    """Return the files of a bundle that can be opened: two precisions, whose models cannot run."""
    manifest = {
        "format": 2,
        "name": "wild",
        "classes": ["a", "b"],
        "pixels": {"height": 8, "width": 8, "crop": "whole", "size": 0, "scale": 1.0, "mean": [0, 0, 0],
                   "std": [1, 1, 1]},
        "default_precision": "int8",
        "files": {
            "int8": {"openvino": ["openvino/int8.xml", "openvino/int8.bin"], "onnx": ["onnx/int8.onnx"]},
            "f32": {"openvino": ["openvino/f32.xml", "openvino/f32.bin"]},
        },
        "golden": {"samples": 1, "tolerance": {"int8": 0.02}},
        "calibration": {"method": "temperature", "temperature": 0.7, "n": 10, "before": None, "after": None},
        "risk": {"n": 10, "thresholds": [0.5, 0.9], "accepted": [10, 8], "wrong": [1, 0]},
        "familiarity": statistics().info(FAMILIARITY).to_json(),
    }  # fmt: skip
    xml = (
        b'<?xml version="1.0"?><net name="x" version="11"><layers><layer id="0" type="Parameter" version="opset1">'
        b'<data shape="?,8,8,3" element_type="u8"/></layer></layers>'
        b'<rt_info><model_info><labels value="a b"/></model_info></rt_info></net>\n'
    )
    return {
        MANIFEST: json.dumps(manifest).encode(),
        "openvino/int8.xml": xml,
        "openvino/int8.bin": bytes(range(256)),
        "openvino/f32.xml": xml,
        "openvino/f32.bin": bytes(300),
        "onnx/int8.onnx": onnx_model(),
        FAMILIARITY: statistics().to_bytes(),
        "golden/00-a.png": b"\x89PNG",
        "CARD.md": b"# wild\n",
    }


def seal(contents: dict[str, bytes]) -> bytes:
    """Return the contents of SHA256SUMS for some files."""
    lines = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in contents.items())
    return "".join(lines).encode("utf-8", "surrogatepass")


def case(seed: int, number: int, place: Path) -> tuple[str, Path]:
    """Write a bundle into an empty folder and return the kind of damage and its path, determined by both numbers."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311
    (place / OUTSIDE).write_bytes(SECRET)
    how = rng.choice(list(_CASES))
    contents = dict(files())
    _CASES[how](rng, contents, place)
    if not how.startswith("zip"):
        as_zip = rng.random() < 0.5
        (_as_zip if as_zip else _as_folder)(contents, place)
        how += ", zip" if as_zip else ", folder"
    path = place / "bundle"
    return how, path if path.exists() else place / "bundle.zip"


def attempt(path: Path) -> str:
    """Open a bundle, read all of it, and return `opened` or `refused`.

    Raises:
        AssertionError: the message has several lines, a file outside was opened, or its contents were returned.
        Exception: any exception other than UserError.
    """
    try:
        with _watched(path):
            bundle = Bundle.open(path)
            for name in bundle.verify():
                assert bundle.read(name) != SECRET
            for precision in bundle.precisions:
                for backend in ("openvino", "onnx"):
                    if bundle.holds(backend, precision):
                        bundle.model_files(backend, precision)
                        bundle.model_sha256(backend, precision)
            _ = bundle.name, bundle.classes, bundle.pixels, bundle.default_precision
    except UserError as error:
        message = str(error)
    else:
        return "opened"
    assert "\n" not in message, message
    return "refused"


_opened: list[str] | None = None


def _note(event: str, given: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None and isinstance(given[0], (str, bytes)):
        _opened.append(os.fsdecode(given[0]))


@contextmanager
def _watched(path: Path) -> Iterator[None]:
    """Fail if a file outside the bundle is opened; files of Python's own library are allowed."""
    global _opened
    if not getattr(sys, "_edgewbc_watched", False):  # an audit hook cannot be removed
        sys.addaudithook(_note)
        sys._edgewbc_watched = True  # type: ignore[attr-defined]
    _opened = []
    try:
        yield
    finally:
        seen, _opened = _opened, None
    inside = path.resolve()
    for name in seen:
        real = Path(name).resolve()
        known = name.endswith((".py", ".pyc")) or real.is_relative_to(sys.base_prefix)
        assert real == inside or real.is_relative_to(inside) or known, f"{name} was opened"


def _as_folder(contents: dict[str, bytes], place: Path) -> None:
    base = place / "bundle"
    base.mkdir(exist_ok=True)
    for name, data in contents.items():
        file = base / name
        if "\0" in name or not Path(os.path.normpath(file)).is_relative_to(base):
            continue  # cannot be created, only listed
        try:
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        except (OSError, ValueError):
            continue


def _as_zip(contents: dict[str, bytes], place: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(place / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # about duplicate names
        for name, data in contents.items():
            try:
                archive.writestr(zipfile.ZipInfo(name), data)
            except (ValueError, UnicodeError):
                continue


def _sums(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Change random bytes of SHA256SUMS."""
    contents[SUMS] = _mangled(rng, seal(contents))


def _names(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """List an invalid or unusual name in SHA256SUMS, with or without such a file."""
    base = place / "bundle"
    base.mkdir()
    (base / "link").symlink_to(place / OUTSIDE)
    (base / "inward").symlink_to(base)
    (base / "loop").symlink_to(base / "loop")
    os.mkfifo(base / "pipe")
    name = rng.choice(NAMES)
    contents[SUMS] = seal({**contents, name: rng.choice((SECRET, b"harmless"))})
    contents[name] = b"harmless"


def _manifest(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Replace or delete one value of the manifest, with correct hashes."""
    values = json.loads(contents[MANIFEST])
    spot: Any = values
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = rng.choice(keys)
        if not isinstance(spot[key], (dict, list)) or not spot[key] or rng.random() < 0.3:
            break
        spot = spot[key]
    if rng.random() < 0.3:
        del spot[key]
    else:
        spot[key] = rng.choice(_VALUES)(rng)
    contents[MANIFEST] = json.dumps(values).encode()
    contents[SUMS] = seal(contents)


def _manifest_bytes(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Change random bytes of the manifest, or replace it by deep nesting or a huge number, with correct hashes."""
    deep = (b"[" * 200_000, b'{"a":' * 60_000, b"9" * 9_999)
    contents[MANIFEST] = rng.choice((_mangled(rng, contents[MANIFEST]), *deep))
    contents[SUMS] = seal(contents)


def _model(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Change random bytes of a model file, with correct or outdated hashes."""
    name = rng.choice([name for name in contents if name.startswith("openvino/")])
    before = seal(contents)
    contents[name] = _mangled(rng, contents[name])
    contents[SUMS] = rng.choice((before, seal(contents)))


def _zip_bytes(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Change random bytes of a zip, including its headers and directory."""
    contents[SUMS] = seal(contents)
    _as_zip(contents, place)
    path = place / "bundle.zip"
    data = _mangled(rng, path.read_bytes())
    path.write_bytes(data)


def _zip_fields(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Change one to three fields in the headers and directory of a zip."""
    contents[SUMS] = seal(contents)
    _as_zip(contents, place)
    path = place / "bundle.zip"
    data = bytearray(path.read_bytes())
    entries = [at for at in range(len(data)) if bytes(data[at : at + 4]) in (b"PK\1\2", b"PK\3\4", b"PK\5\6")]
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.choice(entries) + 2 * rng.randrange(2, 23)
        if at + 4 <= len(data):
            code = rng.choice(("<H", "<I"))
            value = rng.choice((0, 1, 8, 12, 14, 99, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(16)))
            struct.pack_into(code, data, at, value & (1 << 8 * struct.calcsize(code)) - 1)
    path.write_bytes(data)


def _zip_names(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Add an unusual name, a duplicate name or a link to a zip."""
    contents[SUMS] = seal(contents)
    _as_zip(contents, place)
    with warnings.catch_warnings(), zipfile.ZipFile(place / "bundle.zip", "a") as archive:
        warnings.simplefilter("ignore")
        info = zipfile.ZipInfo(rng.choice([name for name in NAMES if name and "\ud800" not in name]))
        if rng.random() < 0.5:
            info.external_attr = 0o120777 << 16
        archive.writestr(info, f"../{OUTSIDE}")


def _zip_bomb(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """Write a zip with an entry whose declared size is far from its actual size."""
    name = rng.choice(list(contents))
    method = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    contents[SUMS] = seal(contents)
    with zipfile.ZipFile(place / "bundle.zip", "w") as archive:
        for entry, data in contents.items():
            archive.writestr(entry, data if entry != name else bytes(1 << 20), method if entry == name else None)
        if rng.random() < 0.8:
            archive.getinfo(name).file_size = rng.choice((0, 10, 1 << 20, 1 << 30, (1 << 32) - 2))


def _many(rng: random.Random, contents: dict[str, bytes], place: Path) -> None:
    """List more files than a bundle may have."""
    contents[SUMS] = seal(contents) + b"".join(b"%s  n%d\n" % (b"0" * 64, i) for i in range(3000))


def _mangled(rng: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(found) + 1)
        part = rng.choice((b"", rng.randbytes(rng.randint(1, 8)), b"\0", b"\n", b"..", b'"', b"{", b"\xff\xff\xff\xff"))
        found[at : at + rng.choice((0, len(part), len(part), 1, 40))] = part
    return bytes(found)


_VALUES = (
    lambda rng: rng.choice(NAMES[:40]).encode("utf-8", "replace").decode(),
    lambda rng: rng.choice((0, -1, 1, 2, 1.5, 10**9, 10**400, True, None, float("nan"), float("inf"), "", "16")),
    lambda rng: rng.choice(([], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": ["c"]}}, "a\nb", ["CARD.md"] * 3)),
)
_CASES = {
    "sums": _sums,
    "names": _names,
    "manifest": _manifest,
    "manifest's bytes": _manifest_bytes,
    "model": _model,
    "zip's bytes": _zip_bytes,
    "zip's fields": _zip_fields,
    "zip's names": _zip_names,
    "zip bomb": _zip_bomb,
    "many": _many,
}


def written(place: Path, more: dict[str, bytes] | None = None, sums: bytes | None = None) -> Path:
    """Write a bundle's folder with `files()` and additional files."""
    contents = {**files(), **(more or {})}
    for name, data in {**contents, SUMS: sums or seal(contents)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place

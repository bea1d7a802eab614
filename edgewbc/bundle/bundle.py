"""The contract between the two halves: a folder (or the same folder zipped) with all a stranger needs to run and to
trust a model. Torch-free; read without OpenVINO too.

    manifest.json            what it is: classes, pixels, files by precision, outputs, evidence, lineage
    openvino/<precision>.xml, .bin    the OpenVINO IR
    onnx/<precision>.onnx    the same network for ONNX Runtime
    head.npz                 the dense layers as plain arrays: w0, b0, w1, b1, ... (w is (out, in)), float32
    golden/*.png, golden/expected.json    synthetic pictures and what the model said of them where it was exported
    CARD.md                  the model card
    SHA256SUMS               of every other file (`sha256sum -c SHA256SUMS` checks it)
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgewbc.bundle import external_data, paths
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import atomic_write, sha256, write_text

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
LARGEST = 1 << 29
"""Bytes of one file; a larger one is not read."""
LARGEST_INPUT = 8192
"""Pixels of a side of the network's input."""
_FILES = {"openvino": 2, "onnx": 1}
"""How many files a model has."""
_STEP = 1 << 20

# What zipfile raises for a damaged archive
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
)


@dataclass(frozen=True)
class ModelFiles:
    """Contents of the files of one model, read and checked once.

    Attributes:
        contents: (xml, bin) for OpenVINO, (onnx,) for ONNX.
        precision: precision of the model, such as int8.
        label: path and precision, for error messages.
    """

    contents: tuple[bytes, ...]
    precision: str
    label: str

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the contents one after the other (`cat int8.xml int8.bin | sha256sum` gives the same)."""
        digest = hashlib.sha256()
        for part in self.contents:
            digest.update(part)
        return digest.hexdigest()

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(map(len, self.contents))


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk. Every file is checked against SHA256SUMS when it is read.

    Attributes:
        path: the folder or the zip.
        manifest: what `manifest.json` says.
        sums: SHA-256 by file name.
    """

    path: Path
    manifest: dict[str, Any]
    sums: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open a bundle.

        Raises:
            UserError: nothing there, not a bundle, of another format, or with a wrong hash.
        """
        if not path.exists():
            raise UserError(f"{path}: no such bundle")
        raw = cls(path, {}, {})
        sums = _parse_sums(raw._raw(SUMS).decode("utf-8", "replace"), path)
        raw = cls(path, {}, sums)
        try:
            manifest = json.loads(raw.read(MANIFEST))
            found = cls(path, manifest, sums)
            if manifest["format"] != FORMAT:
                raise UserError(f"{path}: bundle format {str(manifest['format'])[:20]!r}; this edgewbc reads {FORMAT}")
            found._check()
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise UserError(f"{path}: its manifest.json is not a bundle's: {repr(error)[:200]}") from None
        return found

    def _check(self) -> None:
        """Raise one of many errors unless the manifest is a bundle's."""
        pixels, classes = self.pixels, self.manifest["classes"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise TypeError("classes must be a list of names")
        if not isinstance(self.manifest["name"], str):
            raise TypeError("name must be a text")
        for side in (pixels.height, pixels.width):
            if type(side) is not int or side > LARGEST_INPUT:
                raise ValueError(f"input size {pixels.height} x {pixels.width}")
        if not all(math.isfinite(value) for value in (*pixels.mean, *pixels.std, pixels.size, pixels.scale)):
            raise ValueError("pixels must be numbers")
        for precision, backends in self.manifest["files"].items():
            for backend, held in backends.items():
                if not isinstance(held, list) or not (precision + backend).isprintable():
                    raise ValueError(f"files of {precision} for {backend}: {held}")
                for name in held:
                    self._known(name)
                if len(held) != _FILES.get(backend, len(held)):
                    raise ValueError(f"files of {precision} for {backend}: {held}")
        if self.manifest["default_precision"] not in self.manifest["files"]:
            raise ValueError("default_precision has no files")

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.manifest["classes"])

    @property
    def pixels(self) -> PixelSpec:
        return PixelSpec.from_dict(self.manifest["pixels"])

    @property
    def precisions(self) -> tuple[str, ...]:
        return tuple(self.manifest["files"])

    @property
    def default_precision(self) -> str:
        return str(self.manifest["default_precision"])

    def model_files(self, backend: str, precision: str | None = None) -> tuple[str, ...]:
        """Names of the files of one model: (xml, bin) for `openvino`, (onnx,) for `onnx`.

        Raises:
            UserError: the bundle does not hold that precision or backend.
        """
        precision = precision or self.default_precision
        try:
            return tuple(self.manifest["files"][precision][backend])
        except KeyError:
            held = ", ".join(f"{p} ({'/'.join(b)})" for p, b in self.manifest["files"].items())
            raise UserError(f"{self.path}: holds no {precision} model for {backend}; it holds: {held}") from None

    def read_model(self, backend: str = "openvino", precision: str | None = None) -> ModelFiles:
        """Read and check the files of one model (precision None: the default one).

        Raises:
            UserError: the bundle does not have that model, or a hash is wrong.
        """
        names = self.model_files(backend, precision)
        label = f"{self.path}: {names[0]}"
        return ModelFiles(tuple(self.read(name) for name in names), precision or self.default_precision, label)

    def model_sha256(self, backend: str = "openvino", precision: str | None = None) -> str:
        """Return the SHA-256 that identifies a model: see `ModelFiles.sha256`."""
        return self.read_model(backend, precision).sha256

    def size(self, backend: str, precision: str | None = None) -> int:
        """Return the size of one model's files in bytes."""
        return self.read_model(backend, precision).size

    def read(self, name: str) -> bytes:
        """A file's bytes, checked.

        Raises:
            UserError: the file is not part of the bundle, is missing, its hash is wrong, or it is a model that would
                have other files read.
        """
        self._known(name)
        data = self._raw(name)
        if hashlib.sha256(data).hexdigest() != self.sums[name]:
            raise UserError(f"{self.path}: {name} is not the file that was released (wrong hash): copy the bundle anew")
        why = external_data.problem(name, data)
        if why:
            raise UserError(f"{self.path}: {name} {why}")
        return data

    def verify(self) -> list[str]:
        """Read and check every file; the names that are checked. Raises UserError at the first wrong one."""
        for name in self.sums:
            self.read(name)
        return list(self.sums)

    def _known(self, name: str) -> None:
        if name not in self.sums:
            shown = name if isinstance(name, str) and name.isprintable() else repr(name)
            raise UserError(f"{self.path}: {shown[:200]} is not listed in its {SUMS}")

    def _raw(self, name: str) -> bytes:
        try:
            return self._from_folder(name) if self.path.is_dir() else self._from_zip(name)
        except (OSError, KeyError) as error:
            reason = "is missing" if isinstance(error, (FileNotFoundError, KeyError)) else f"cannot be read: {error}"
            raise UserError(f"{self.path}: {name} {reason}; is this a bundle, and whole?") from None
        except _UNREADABLE as error:
            told = " ".join(str(error).split())[:200]
            raise UserError(f"{self.path}: neither a bundle's folder nor a readable zip of one: {told}") from None

    def _from_folder(self, name: str) -> bytes:
        file = (self.path / name).resolve()
        if not file.is_relative_to(self.path.resolve()):
            raise UserError(f"{self.path}: {name} leads out of the bundle")
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
            raise UserError(f"{self.path}: {name} is not a plain file")
        self._fits(name, about.st_size)
        return file.read_bytes()

    def _from_zip(self, name: str) -> bytes:
        with zipfile.ZipFile(self.path) as archive:
            entries = archive.infolist()
            why = paths.oddity([entry.filename.removesuffix("/") for entry in entries])
            if why:
                raise UserError(f"{self.path}: {why}")
            info = archive.getinfo(name)
            if stat.S_ISLNK(info.external_attr >> 16) or info.flag_bits & 1:
                raise UserError(f"{self.path}: {name} is not a plain file")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UserError(f"{self.path}: {name} is compressed in a way that is not read; zip with deflate")
            self._fits(name, info.file_size)
            # By parts: read at once, zipfile unpacks all that is there, whatever size the entry gives.
            parts = []
            with archive.open(info) as file:
                while part := file.read(_STEP):
                    parts.append(part)
            return b"".join(parts)

    def _fits(self, name: str, size: int) -> None:
        if size > LARGEST:
            raise UserError(f"{self.path}: {name} is larger than a bundle's file may be ({LARGEST >> 20} MiB)")


def _parse_sums(text: str, path: Path) -> dict[str, str]:
    sums: dict[str, str] = {}
    lines = text.removesuffix("\n").split("\n")
    for line in lines:
        digest, _, name = line.removesuffix("\r").partition("  ")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not name or paths.leads_out(name):
            raise UserError(f"{path}: {SUMS} has a line that is not one: {line[:80]!r}")
        sums[name] = digest
    why = paths.oddity(sums) if len(sums) == len(lines) else "a file is listed twice"
    if why:
        raise UserError(f"{path}: {SUMS}: {why}")
    return sums


def seal(folder: Path) -> None:
    """Write SHA256SUMS over every file of a bundle's folder, sorted by name."""
    files = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in files if name != SUMS))


def pack(folder: Path, to: Path) -> None:
    """Zip a sealed bundle's folder; the same bytes for the same files (times are fixed)."""
    with atomic_write(to) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, file.read_bytes())

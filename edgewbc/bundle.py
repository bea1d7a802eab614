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
import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgewbc.errors import UserError
from edgewbc.files import sha256, whole, write_text
from edgewbc.pixels import PixelSpec

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
LARGEST = 1 << 30  # bytes of one file; a larger one in a zip is not unpacked

# What zipfile raises for a damaged archive: each of its decompressors has an error of its own.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
)


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
                raise UserError(f"{path}: bundle format {manifest['format']}; this edgewbc reads {FORMAT}")
            _ = found.pixels, found.classes, found.name
            for backends in manifest["files"].values():
                for names in backends.values():
                    for name in names:
                        found._known(name)
            if manifest["default_precision"] not in manifest["files"]:
                raise ValueError("default_precision has no files")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: its manifest.json is not a bundle's: {error!r}") from None
        return found

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

    def model_sha256(self, backend: str = "openvino", precision: str | None = None) -> str:
        """SHA-256 that names the file that answers: of the ONNX file, or of the IR's .xml and .bin one after the other
        (`cat int8.xml int8.bin | sha256sum`)."""
        digest = hashlib.sha256()
        for name in self.model_files(backend, precision):
            digest.update(self.read(name))
        return digest.hexdigest()

    def size(self, backend: str, precision: str | None = None) -> int:
        """Bytes of the files of one model."""
        return sum(len(self.read(name)) for name in self.model_files(backend, precision))

    def read(self, name: str) -> bytes:
        """A file's bytes, checked.

        Raises:
            UserError: the file is not part of the bundle, is missing, or its hash is wrong.
        """
        self._known(name)
        data = self._raw(name)
        if hashlib.sha256(data).hexdigest() != self.sums[name]:
            raise UserError(f"{self.path}: {name} is not the file that was released (wrong hash): copy the bundle anew")
        return data

    def verify(self) -> list[str]:
        """Read and check every file; the names that are checked. Raises UserError at the first wrong one."""
        for name in self.sums:
            self.read(name)
        return list(self.sums)

    def _known(self, name: str) -> None:
        if name not in self.sums:
            raise UserError(f"{self.path}: {name} is not listed in its {SUMS}")

    def _raw(self, name: str) -> bytes:
        try:
            if self.path.is_dir():
                file = self.path / name
                if not file.resolve().is_relative_to(self.path.resolve()):
                    raise UserError(f"{self.path}: {name} leads out of the bundle")
                return file.read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(name)
                if info.file_size > LARGEST:
                    raise UserError(f"{self.path}: {name} is larger than a bundle's file may be")
                return archive.read(info)
        except (OSError, KeyError) as error:
            reason = "is missing" if isinstance(error, (FileNotFoundError, KeyError)) else f"cannot be read: {error}"
            raise UserError(f"{self.path}: {name} {reason}; is this a bundle, and whole?") from None
        except _UNREADABLE as error:
            raise UserError(f"{self.path}: neither a bundle's folder nor a readable zip of one: {error}") from None


def _parse_sums(text: str, path: Path) -> dict[str, str]:
    sums = {}
    for line in text.splitlines():
        digest, _, name = line.partition("  ")
        inside = PurePosixPath(name)
        odd = inside.is_absolute() or ".." in inside.parts or "\\" in name or ":" in name or "\0" in name
        if len(digest) != 64 or not name or odd:
            raise UserError(f"{path}: {SUMS} has a line that is not one: {line[:80]!r}")
        sums[name] = digest
    return sums


def seal(folder: Path) -> None:
    """Write SHA256SUMS over every file of a bundle's folder, sorted by name."""
    files = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
    write_text(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in files if name != SUMS))


def pack(folder: Path, to: Path) -> None:
    """Zip a sealed bundle's folder; the same bytes for the same files (times are fixed)."""
    with whole(to) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, file.read_bytes())

"""A bundle: a folder, or a zip of it, with everything needed to run and assess a model on the lab side.

Reading a bundle requires neither torch nor OpenVINO.

Checksums show that the files are undamaged and belong together. They do not show who made them: anyone who replaces a
file can rewrite SHA256SUMS. A signature does, to those who have pinned the signer's key (see `signature`); and to
know that a model is a released one, compare its hash (see `released`).

    manifest.json            description of the model: classes, pixels, files by precision, outputs, evidence, lineage
    openvino/<precision>.xml, .bin    the OpenVINO IR
    onnx/<precision>.onnx    the same network for ONNX Runtime
    head.npz                 the dense layers as plain arrays: w0, b0, w1, b1, ... (w is (out, in)), float32
    familiarity.npz          statistics of the features of the training cells (optional; see `decision.familiarity`)
    golden/*.png, golden/expected.json    synthetic images and the predictions expected for them
    CARD.md                  the model card
    SHA256SUMS               hashes of all other files (`sha256sum -c SHA256SUMS` checks them)
    SIGNATURE                signature of SHA256SUMS, if `edgewbc sign` was run
"""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgewbc.bundle import archive, external_data, match, paths, released
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.bundle.paths import MANIFEST, SIGNATURE, SUMS
from edgewbc.decision.familiarity import Familiarity
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import atomic_write, parse_json, sha256, write_text


@dataclass(frozen=True)
class ModelFiles:
    """Contents of the files of one model, read and checked once.

    Attributes:
        contents: (xml, bin) for OpenVINO, (onnx,) for ONNX.
        precision: precision of the model, such as int8.
        label: path and precision, for error messages.
        backend: runtime that it is for, openvino or onnx.
    """

    contents: tuple[bytes, ...]
    precision: str
    label: str
    backend: str = "openvino"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the contents one after the other (`cat int8.xml int8.bin | sha256sum` gives the same)."""
        digest = hashlib.sha256()
        for part in self.contents:
            digest.update(part)
        return digest.hexdigest()

    @property
    def released(self) -> str:
        """Name of the released model that this is, such as `wbc5-edge int8 openvino`; empty if it is none of them."""
        return released.name_of(self.sha256, [len(part) for part in self.contents])

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(map(len, self.contents))


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk. Every file is checked against SHA256SUMS when it is read.

    Attributes:
        path: the folder or the zip.
        manifest: contents of `manifest.json`.
        sums: SHA-256 by file name.
    """

    path: Path
    manifest: BundleManifest
    sums: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """Open a bundle.

        Raises:
            UserError: the path does not exist, is not a bundle, has a newer format, or a hash is wrong.
        """
        _check_kind(path)
        sums = _parse_sums(archive.read(path, SUMS).decode("utf-8", "replace"), path)
        contents = _read(path, sums, MANIFEST)
        try:
            manifest = BundleManifest.from_json(parse_json(contents))
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise UserError(f"{path}: its manifest.json is not a bundle's: {repr(error)[:200]}") from None
        for backends in manifest.files.values():
            for names in backends.values():
                for name in names:
                    _check_listed(path, sums, name)
        if manifest.familiarity is not None:
            _check_listed(path, sums, manifest.familiarity.file)
        return cls(path, manifest, sums)

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.manifest.classes

    @property
    def pixels(self) -> PixelSpec:
        return self.manifest.pixels

    @property
    def precisions(self) -> tuple[str, ...]:
        return tuple(self.manifest.files)

    @property
    def default_precision(self) -> str:
        return self.manifest.default_precision

    def holds(self, backend: str, precision: str) -> bool:
        """Return whether the bundle has a model of that precision for that backend."""
        return self.manifest.holds(backend, precision)

    def model_files(self, backend: str, precision: str | None = None) -> tuple[str, ...]:
        """Return the names of the files of one model: (xml, bin) for `openvino`, (onnx,) for `onnx`.

        Raises:
            UserError: the bundle does not hold that precision or backend.
        """
        precision = precision or self.default_precision
        if not self.holds(backend, precision):
            held = ", ".join(f"{p} ({'/'.join(b)})" for p, b in self.manifest.files.items())
            raise UserError(f"{self.path}: holds no {precision} model for {backend}; it holds: {held}")
        return self.manifest.files[precision][backend]

    def read_model(self, backend: str = "openvino", precision: str | None = None) -> ModelFiles:
        """Read and check the files of one model (precision None: the default one).

        Nothing is run. Before a runtime does, `runtime.trial` tries models that are not released ones.

        Raises:
            UserError: the bundle does not have that model, a hash is wrong, or it is not the model that the manifest
                describes (see `match`).
        """
        names = self.model_files(backend, precision)
        label = f"{self.path}: {names[0]}"
        contents = tuple(self.read(name) for name in names)
        if why := match.problem(backend, contents, self.manifest):
            raise UserError(f"{label} {why}")
        return ModelFiles(contents, precision or self.default_precision, label, backend)

    def model_sha256(self, backend: str = "openvino", precision: str | None = None) -> str:
        """Return the SHA-256 that identifies a model: see `ModelFiles.sha256`."""
        return self.read_model(backend, precision).sha256

    def size(self, backend: str, precision: str | None = None) -> int:
        """Return the size of one model's files in bytes."""
        return self.read_model(backend, precision).size

    def familiarity(self) -> Familiarity | None:
        """Read the statistics of the training cells' features; None if the bundle has none.

        Raises:
            UserError: a hash is wrong, or the file is not what the manifest describes.
        """
        info = self.manifest.familiarity
        if info is None:
            return None
        try:
            if info.groups > len(self.classes):
                raise ValueError(f"it describes {info.groups} classes, and the model has {len(self.classes)}")
            return Familiarity.from_bytes(self.read(info.file), info)
        except ValueError as error:
            raise UserError(f"{self.path}: {info.file} is not usable: {error}: copy the bundle again") from None

    def read(self, name: str) -> bytes:
        """Return a file's bytes, checked against its hash.

        Raises:
            UserError: the file is not part of the bundle, is missing, has a wrong hash, or is a model that refers to
                other files.
        """
        return _read(self.path, self.sums, name)

    def verify(self) -> list[str]:
        """Read and check every file and every model, and return the files' names.

        Raises:
            UserError: a file is wrong, or a model or the familiarity statistics are not what the manifest describes.
        """
        for name in self.sums:
            self.read(name)
        self.familiarity()
        for precision, backends in self.manifest.files.items():
            for backend in backends:
                self.read_model(backend, precision)
        return list(self.sums)


def seal(folder: Path) -> None:
    """Write SHA256SUMS over every file of a bundle's folder, sorted by name."""
    files = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())
    write_text(
        folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in files if name not in (SUMS, SIGNATURE))
    )


def pack(folder: Path, to: Path) -> None:
    """Zip a sealed bundle's folder, reproducibly: the same files give the same bytes (times are fixed)."""
    with atomic_write(to) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            zipped.writestr(info, file.read_bytes())


def _check_kind(path: Path) -> None:
    """Raise UserError unless a path is a folder or a regular file; opening a pipe would wait forever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(f"{path}: no such bundle") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UserError(f"{path}: is a device, pipe or socket; give a bundle's folder or a zip of it")


def _read(path: Path, sums: dict[str, str], name: str) -> bytes:
    _check_listed(path, sums, name)
    data = archive.read(path, name)
    if hashlib.sha256(data).hexdigest() != sums[name]:
        raise UserError(f"{path}: {name} is not the file that was released (wrong hash): copy the bundle again")
    why = external_data.problem(name, data)
    if why:
        raise UserError(f"{path}: {name} {why}")
    return data


def _check_listed(path: Path, sums: dict[str, str], name: str) -> None:
    if name not in sums:
        shown = name if isinstance(name, str) and name.isprintable() else repr(name)
        raise UserError(f"{path}: {shown[:200]} is not listed in its {SUMS}")


def _parse_sums(text: str, path: Path) -> dict[str, str]:
    sums: dict[str, str] = {}
    lines = text.removesuffix("\n").split("\n")
    for line in lines:
        digest, _, name = line.removesuffix("\r").partition("  ")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not name or paths.escapes(name):
            raise UserError(f"{path}: {SUMS} has an invalid line: {line[:80]!r}")
        sums[name] = digest
    why = paths.problem(sums) if len(sums) == len(lines) else "a file is listed twice"
    if why:
        raise UserError(f"{path}: {SUMS}: {why}")
    return sums

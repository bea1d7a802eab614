"""Which peers there are, and what each is measured on: a folder a peer, with a `peer.json` that says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json

HOME = Path(__file__).resolve().parents[2]
"""The folder of the peers."""

EACH = ("bundle", "imgsz", "network")


@dataclass(frozen=True)
class Peer:
    """A toolkit that somebody might take instead.

    Attributes:
        name: of its folder.
        folder: holds `measure.py`, and `requirements.txt` where it has an environment of its own.
        package: on the package registry.
        licence: SPDX name of the package's licence.
        what: one line for a reader.
        each: what it is prepared for, one after the other: each `imgsz` (it trains a network of its own), each
            `network` (run folder) of an architecture in `archs`, or the `bundle`.
        archs: architectures of the run folders that it takes.
        models: what it calls its network; None takes the name of the run or bundle.
        rows: by key, what is measured of a preparation: backend, precision and, if need be, what.
    """

    name: str
    folder: Path
    package: str
    licence: str
    what: str
    each: str
    rows: dict[str, dict[str, str]]
    archs: tuple[str, ...] = ()
    models: str | None = None

    @property
    def requirements(self) -> Path | None:
        """What its own environment holds; None if it runs in this one."""
        path = self.folder / "requirements.txt"
        return path if path.is_file() else None

    @classmethod
    def read(cls, folder: Path) -> Peer:
        """Raises UserError if the folder is no peer's."""
        path = folder / "peer.json"
        told: Any = read_json(path, "what a peer is (peer.json)")
        try:
            peer = cls(name=folder.name, folder=folder, **{**told, "archs": tuple(told.get("archs", ()))})
        except TypeError as error:
            raise UserError(f"{path}: not a peer's description: {error}") from None
        if peer.each not in EACH:
            raise UserError(f"{path}: each {peer.each!r}: use one of {', '.join(EACH)}")
        return peer


@dataclass(frozen=True)
class Variant:
    """One preparation of a peer.

    Attributes:
        name: of its folder, such as `ultralytics-112`.
        model: what the rows call the network.
        imgsz: side of the input in pixels, of a network that the peer trains itself.
        source: the run folder or bundle that it takes.
    """

    name: str
    peer: Peer
    model: str
    imgsz: int | None = None
    source: Path | None = None


def peers(home: Path = HOME, only: Sequence[str] = ()) -> list[Peer]:
    """The peers of a folder by name, or those named.

    Raises:
        UserError: a name is not a peer's.
    """
    found = {path.parent.name: path.parent for path in sorted(home.glob("*/peer.json"))}
    for name in only:
        if name not in found:
            raise UserError(f"{name}: no such peer; there are {', '.join(found) or 'none'} in {home}")
    return [Peer.read(folder) for name, folder in found.items() if not only or name in only]


def variants(peer: Peer, bundle: Path, networks: Sequence[Path], sizes: Sequence[int]) -> list[Variant]:
    """What a peer is prepared for; nothing if there is no network for it."""
    if peer.each == "imgsz":
        return [
            Variant(f"{peer.name}-{size}", peer, f"{peer.models or peer.name} {size}", imgsz=size) for size in sizes
        ]
    sources = [bundle] if peer.each == "bundle" else [run for run in networks if runs.spec(run).arch in peer.archs]
    return [
        Variant(f"{peer.name}-{path.resolve().name}", peer, peer.models or path.resolve().name, source=path)
        for path in sources
    ]

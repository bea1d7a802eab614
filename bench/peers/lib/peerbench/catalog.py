"""The other toolkits (peers) of the comparison: one folder for each, described by its `peer.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgewbc import runs
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json

HOME = Path(__file__).resolve().parents[2]
"""Folder that holds the peers."""

EACH: Final = ("bundle", "imgsz", "network")


@dataclass(frozen=True)
class Peer:
    """A toolkit to compare with.

    Attributes:
        name: of its folder.
        folder: holds `measure.py`, and `requirements.txt` where it has an environment of its own.
        package: on the package registry.
        license: SPDX identifier of the package's license.
        what: description in one line.
        each: it is prepared once for each `imgsz` (it trains its own networks), for each `network` (run folder) of an
            architecture in `archs`, or once for the `bundle`.
        archs: architectures of the run folders that it supports.
        models: name of its network; None uses the name of the run or bundle.
        rows: rows of each preparation by key, with backend, precision and optionally `what`.
    """

    name: str
    folder: Path
    package: str
    license: str
    what: str
    each: str
    rows: dict[str, dict[str, str]]
    archs: tuple[str, ...] = ()
    models: str | None = None

    @property
    def requirements(self) -> Path | None:
        """The requirements file of its environment; None if it runs in this environment."""
        path = self.folder / "requirements.txt"
        return path if path.is_file() else None

    @classmethod
    def read(cls, folder: Path) -> Peer:
        """Read a peer's description.

        Raises:
            UserError: there is no valid `peer.json` in the folder.
        """
        path = folder / "peer.json"
        values: Any = read_json(path, "the description of a peer")
        try:
            peer = cls(name=folder.name, folder=folder, **{**values, "archs": tuple(values.get("archs", ()))})
        except TypeError as error:
            raise UserError(f"{path}: is not a valid description of a peer: {error}") from None
        if peer.each not in EACH:
            raise UserError(f"{path}: `each` is {peer.each!r}; use one of {', '.join(EACH)}")
        return peer


@dataclass(frozen=True)
class Variant:
    """One preparation of a peer.

    Attributes:
        name: of its folder, such as `ultralytics-112`.
        peer: the toolkit.
        model: name of the network in the rows.
        imgsz: height and width of the input in pixels, for a network that the peer trains itself.
        source: the run folder or bundle that it converts.
    """

    name: str
    peer: Peer
    model: str
    imgsz: int | None = None
    source: Path | None = None


def peers(home: Path = HOME, only: Sequence[str] = ()) -> list[Peer]:
    """Return the peers in a folder, sorted by name.

    Args:
        home: folder of the peers.
        only: names of the peers to return; empty returns all.

    Raises:
        UserError: there is no peer of a name.
    """
    found = {path.parent.name: path.parent for path in sorted(home.glob("*/peer.json"))}
    for name in only:
        if name not in found:
            raise UserError(f"{name}: no such peer; the peers in {home} are {', '.join(found) or 'none'}")
    return [Peer.read(folder) for name, folder in found.items() if not only or name in only]


def variants(peer: Peer, bundle: Path, networks: Sequence[Path], sizes: Sequence[int]) -> list[Variant]:
    """Return the preparations of a peer; none if there is no network that it supports."""
    if peer.each == "imgsz":
        return [
            Variant(f"{peer.name}-{size}", peer, f"{peer.models or peer.name} {size}", imgsz=size) for size in sizes
        ]
    sources = [bundle] if peer.each == "bundle" else [run for run in networks if runs.spec(run).arch in peer.archs]
    return [
        Variant(f"{peer.name}-{path.resolve().name}", peer, peer.models or path.resolve().name, source=path)
        for path in sources
    ]

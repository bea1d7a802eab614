"""Default inputs of the commands. Each default that is chosen is printed on stderr."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgewbc.cli.console import say
from edgewbc.errors import UserError
from edgewbc.utils import files, resources

if TYPE_CHECKING:
    from edgewbc.data.manifest import Manifest

MANIFESTS = Path("manifests")
SYNTHETIC_CELLS = 120  # per class; the demo's network does not learn from fewer


class NoManifest(UserError):
    """No manifest was given, and no default manifest exists."""


def manifest(path: Path | None) -> Manifest:
    """Read a manifest, or the default one.

    The default is the newest manifest up to two levels below the working folder. If there is none and EDGEWBC_DATA
    names a folder that contains PBC, its published split is written to `manifests/pbc-published` and used.

    Args:
        path: folder of the manifest; None reads the default one.

    Raises:
        NoManifest: `path` is None and there is no default manifest.
        UserError: the manifest cannot be read, or its files have changed.
    """
    from edgewbc.data.manifest import TABLE, Manifest

    if path is not None:
        return Manifest.read(path)
    found = _manifests()
    if found:
        newest = max(found, key=lambda folder: (folder / TABLE).stat().st_mtime_ns)
        say(f"data: {newest} (the newest manifest here)")
        return Manifest.read(newest)
    data = os.environ.get("EDGEWBC_DATA")
    if data and (Path(data) / "pbc" / "splits").is_dir():
        from edgewbc.data.sources import make

        made = make("pbc", Path(data) / "pbc", protocol="published", seed=0)
        made.write(MANIFESTS / "pbc-published")
        say(f"data: {MANIFESTS / 'pbc-published'} (made from EDGEWBC_DATA)")
        return Manifest.read(MANIFESTS / "pbc-published")
    raise NoManifest(
        "no manifest here: make one with `edgewbc data manifest folder DIR --to manifests/mine` (a folder per class), "
        "or draw synthetic cells with `edgewbc data synth --to cells`, and name it with --data"
    )


def manifest_or_synthetic(path: Path | None) -> Manifest:
    """Read a manifest as `manifest` does; if there is none, draw synthetic cells into `manifests/synthetic`."""
    try:
        return manifest(path)
    except NoManifest:
        pass
    from edgewbc.data.manifest import Manifest
    from edgewbc.data.sources import make
    from edgewbc.synth import cells

    folder = MANIFESTS / "synthetic"
    say(
        f"no manifest here: drawing synthetic cells into {folder}, to try the chain; their accuracy means nothing. "
        "For real cells: edgewbc data manifest folder DIR --to manifests/mine"
    )
    cells.write(folder, cells=SYNTHETIC_CELLS, fields=0, seed=0)
    make("synthetic", folder).write(folder)
    return Manifest.read(folder)


def manifest_to_resume(run: Path, data: Path | None, given: Mapping[str, object]) -> Manifest:
    """Return the manifest that an interrupted run was started with.

    Args:
        run: folder of the run.
        data: folder of the manifest, if the user names it.
        given: value of each option that belongs to a new run, by its name; None where it was not given.

    Raises:
        UserError: one of them was given, the run was not started by this version, or the manifest is another one.
    """
    from edgewbc.train.run import StartRecord

    started = StartRecord.read(run)
    resumed_as_started(run, given)
    recorded = None if started.manifest is None else Path(started.manifest)
    return manifest_of_run(data, run, started.manifest_sha256, recorded)


def resumed_as_started(run: Path, given: Mapping[str, object]) -> None:
    """Refuse options that would change a run that is resumed: it keeps the recipe that it was started with.

    Args:
        run: run folder.
        given: value of each option that belongs to a new run, by the option's name; None where it was not given.

    Raises:
        UserError: one of them was given.
    """
    for name, value in given.items():
        if value is not None:
            raise UserError(
                f"{name}: {run} is resumed as it was started ({run / 'recipe.yaml'}): leave {name} "
                "out, or make a new run"
            )


def manifest_of_run(path: Path | None, run: Path, sha256: str, recorded: Path | None) -> Manifest:
    """Return the manifest that a run was started on, even if it has been moved.

    Args:
        path: folder given by the user; None tries the recorded folder, and then searches up to two levels below the
            working folder for a manifest with the recorded hash.
        run: run folder.
        sha256: recorded hash of the manifest.
        recorded: recorded folder of the manifest.

    Raises:
        UserError: no manifest with that hash is found, or the one at `path` cannot be read.
    """
    from edgewbc.data.manifest import TABLE, Manifest

    if path is not None:
        return Manifest.read(path)
    for folder in (*([] if recorded is None else [recorded]), *_manifests()):
        file = folder / TABLE
        if file.is_file() and files.sha256(file) == sha256:
            say(f"data: {folder} (the manifest that {run} was started on)")
            return Manifest.read(folder)
    where = "" if recorded is None else f"; it was in {recorded}"
    raise UserError(
        f"{run}: the manifest that it was started on ({sha256[:12]}) was not found{where}: name its folder with --data"
    )


def _manifests() -> list[Path]:
    """Return the folders of manifests up to two levels down."""
    from edgewbc.data.manifest import TABLE

    return [file.parent for pattern in (f"*/{TABLE}", f"*/*/{TABLE}") for file in Path().glob(pattern)]


def manifest_or_none(path: Path | None) -> Manifest | None:
    """Read a manifest as `manifest` does; if there is none, print a note on stderr and return None."""
    try:
        return manifest(path)
    except NoManifest:
        say("no manifest here: synthetic images are timed, and no accuracy is measured (name one with --data)")
        return None


def recipe(name: str) -> Path:
    """Return the file of a recipe, given as a path or as the name of a built-in recipe.

    Raises:
        UserError: there is no built-in recipe of that name.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    shipped = resources.recipes()
    if name not in shipped:
        close = difflib.get_close_matches(name, shipped, n=1)
        meant = f"did you mean {close[0]}? Or " if close else ""
        raise UserError(f"{name}: no such recipe; {meant}give a YAML file or one of: {', '.join(sorted(shipped))}")
    return shipped[name]


def run(path: Path | None, holding: str = "model.safetensors", lacking: str | None = None) -> Path:
    """Return a run folder: the given one, or the newest that qualifies.

    Args:
        path: run folder; None takes the newest one.
        holding: file that the newest run must contain.
        lacking: file that the newest run must not contain; None allows any.

    Raises:
        UserError: `path` is not a run folder, or no run qualifies.
    """
    from edgewbc import runs

    if path is not None:
        if not runs.is_run(path):
            raise UserError(f"{path}: not a run folder (model.json and model.safetensors are not both in it)")
        return path
    found = runs.newest(holding=holding, lacking=lacking)
    say(f"run: {found} (the newest)")
    return found


def named_bundle(path: Path) -> Path:
    """Return the bundle that ships under a name, such as `wbc5-travel`; a file or folder of that name comes first."""
    if path.exists() or len(path.parts) != 1:
        return path
    return resources.released_bundles().get(path.name, path)


def bundle(path: Path | None) -> Path:
    """Return the given bundle, else the shipped one; a bundle in the working folder is never used by default."""
    if path is not None:
        return named_bundle(path)
    found = resources.shipped_bundle()
    say(f"model: {found}")
    return found


def bundle_to_measure(path: Path | None) -> Path:
    """Return the given bundle, else the most recently exported one in ./bundles, else the shipped one."""
    if path is not None:
        return named_bundle(path)
    found = resources.newest_bundle()
    where = "shipped with edgewbc" if found == resources.shipped_bundle() else "the newest in ./bundles"
    say(f"model: {found} ({where})")
    return found

"""Files that ship with the package: recipes and released bundles, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from edgewbc.errors import UserError

_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED_BUNDLE = "wbc5-edge"


def folder(name: str) -> Path:
    """Return the folder of `recipes`, `export/bundles` or `export/networks` in a checkout or an installation.

    Raises:
        UserError: it is missing from the installation.
    """
    for top in (_PACKAGE.parent, _PACKAGE / "_shipped"):
        if (top / name).is_dir():
            return top / name
    raise UserError(f"{name} is missing from this installation of edgewbc: reinstall it")


def recipes() -> dict[str, Path]:
    """Return the built-in recipes by name, such as `edge/lite0`. (The codes of a differential lie beside them.)"""
    top = folder("recipes")
    files = [file for file in sorted(top.rglob("*.yaml")) if file.parent != top / "codes"]
    return {file.relative_to(top).with_suffix("").as_posix(): file for file in files}


def shipped_bundle() -> Path:
    """Return the released bundle that `classify`, `selftest`, `doctor` and `Classifier` use unless another is named.

    Raises:
        UserError: it is missing from the installation.
    """
    path = folder("export/bundles") / SHIPPED_BUNDLE
    if not path.is_dir():
        raise UserError(f"this installation has no released bundle: name one with --model ({path} is missing)")
    return path


def released_bundles() -> dict[str, Path]:
    """Return the folders of the bundles that ship with this installation, by name."""
    return {path.name: path for path in sorted(folder("export/bundles").iterdir()) if path.is_dir()}


def newest_bundle(root: Path = Path("bundles")) -> Path:
    """Return the most recently exported bundle in `root`, or the released one if there is none.

    Only for the training side: on a microscope PC the working folder may be a USB stick, and a bundle that lies there
    is no reason to use it.
    """
    found = [path.parent for path in root.glob("*/SHA256SUMS")]
    if not found:
        return shipped_bundle()
    return max(found, key=lambda path: ((path / "SHA256SUMS").stat().st_mtime_ns, path.name))

"""What ships with the package: recipes and released bundles, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from edgewbc.errors import UserError

_PACKAGE = Path(__file__).resolve().parent.parent
SHIPPED_BUNDLE = "wbc5-edge"


def folder(name: str) -> Path:
    """`recipes`, or `export/bundles`, `export/networks`: beside the package in a checkout, inside it when installed."""
    for top in (_PACKAGE.parent, _PACKAGE / "_shipped"):
        if (top / name).is_dir():
            return top / name
    raise UserError(f"{name} did not come with this installation of edgewbc: install it anew")


def shipped_bundle() -> Path:
    """The released bundle that `classify`, `selftest` and `bench` take by default."""
    path = folder("export/bundles") / SHIPPED_BUNDLE
    if not path.is_dir():
        raise UserError(f"no released bundle came with this installation: name one with --model ({path} is missing)")
    return path


def newest_bundle(root: Path = Path("bundles")) -> Path:
    """The bundle that was exported last into `root`, or the shipped one."""
    found = [path.parent for path in root.glob("*/SHA256SUMS")]
    if not found:
        return shipped_bundle()
    return max(found, key=lambda path: ((path / "SHA256SUMS").stat().st_mtime_ns, path.name))

"""`edgewbc kit`: build a folder that installs offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, say, wrote
from edgewbc.cli.options import Json, ShippedBundle

if TYPE_CHECKING:
    from edgewbc.kit.build import Kit


def command(
    platform: Annotated[str, typer.Option("--for", help="The lab PC's system: windows or linux (x86-64).")],
    to: Annotated[Path | None, typer.Option(help="Folder to create. [default: edgewbc-kit-<system>]")] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(help="Python version of the lab's PC: 3.12 or 3.12,3.13; may be repeated. [default: 3.12]"),
    ] = None,
    model: ShippedBundle = None,
    wheels: Annotated[
        Path | None,
        typer.Option(help="Folder to take the wheels from, without using the network. [default: download them]"),
    ] = None,
    whole_wheels: Annotated[
        bool, typer.Option("--whole-wheels", help="Keep OpenVINO's wheel as published, with its GPU and NPU plugins.")
    ] = False,
    python_installer: Annotated[
        Path | None, typer.Option(help="Python's installer for Windows, to include in the kit.")
    ] = None,
    vc_redist: Annotated[
        Path | None, typer.Option(help="Microsoft's vc_redist.x64.exe, to include in the kit.")
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYS", help="File of trusted public keys to build in; the kit then refuses bundles of anyone else."
        ),
    ] = None,
    zip: Annotated[bool, typer.Option("--zip", help="Also write a zip of the folder, next to it.")] = False,
    as_json: Json = False,
) -> None:
    """Build a folder that installs on a lab's PC without a network: wheels, bundle, launchers, guide, licenses.

    This command downloads: pip fetches the wheels for the lab's system from the package index and lists each of them
    (--wheels DIR uses no network). The lab's PC needs Python; its installer can be included in the kit. On Windows
    OpenVINO also needs Microsoft's Visual C++ runtime.

    \b
    Example:
      edgewbc kit --for windows --to edgewbc-kit-windows --zip
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.errors import UserError
    from edgewbc.kit.build import KitOptions, build
    from edgewbc.kit.target import Target
    from edgewbc.utils import resources

    versions = [part.strip() for value in python or ["3.12"] for part in value.split(",") if part.strip()]
    if not versions:
        raise UserError("no Python version is given: use --python 3.12")
    targets = sorted({Target.parse(platform, version) for version in versions}, key=lambda target: target.python)
    chosen = model or resources.shipped_bundle()
    say(f"model: {chosen}")
    options = KitOptions(wheels, whole_wheels, python_installer, vc_redist, zip, trust)
    made = build(targets, to or Path(f"edgewbc-kit-{platform}"), Bundle.open(chosen), options, say)
    if as_json:
        emit(made.to_json())
    else:
        print(_table(made))
        wrote(Path(made.folder))
        say(f"next: copy {made.folder} to a USB stick, and print its guide.html")


def _table(kit: Kit) -> str:
    from edgewbc.utils.text import table

    bytes_of = {wheel.file: wheel.bytes for wheel in kit.facts.wheels}
    rows = [[row.name, row.version, row.license, f"{bytes_of[row.wheel] / 1e6:.2f} MB"] for row in kit.licenses]
    lines = [table(["wheel", "version", "license", "size"], rows, left=3)]
    lines += [f"taken out of {row.name}: {row.without}" for row in kit.licenses if row.without]
    lines += [f"left out: {name} ({why})" for name, why in kit.facts.left_out.items()]
    packed = "" if kit.zip_size is None else f", {kit.zip}: {kit.zip_size / 1e6:.1f} MB"
    return "\n".join([*lines, f"{kit.folder}: {kit.size / 1e6:.1f} MB in {kit.files} files{packed}"])

"""`edgewbc kit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgewbc.cli.console import emit, say

if TYPE_CHECKING:
    from edgewbc.kit.build import Kit


def command(
    platform: Annotated[str, typer.Option("--for", help="The lab PC's system: windows or linux (x86-64).")],
    to: Annotated[Path | None, typer.Option(help="Folder to make. [default: edgewbc-kit-<system>]")] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(help="Python of the lab's PC: 3.12 or 3.12,3.13; may be repeated. [default: 3.12]"),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Bundle, a folder or a zip. [default: the shipped one]")] = None,
    wheels: Annotated[
        Path | None, typer.Option(help="Take the wheels from this folder and use no network. [default: download them]")
    ] = None,
    whole_wheels: Annotated[
        bool, typer.Option("--whole-wheels", help="Leave OpenVINO's wheel as published, with its GPU and NPU parts.")
    ] = False,
    python_installer: Annotated[
        Path | None, typer.Option(help="Python's installer for Windows, to put into the kit.")
    ] = None,
    vc_redist: Annotated[Path | None, typer.Option(help="Microsoft's vc_redist.x64.exe, to put into the kit.")] = None,
    zip: Annotated[bool, typer.Option("--zip", help="Write the same as a zip beside the folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Make a folder that installs on a lab's PC without a network: wheels, bundle, launchers, guide, licences.

    This is a command that downloads: pip fetches the wheels for that system from the package index, and each is named
    as it comes (--wheels DIR uses no network). The lab's PC needs a Python; it cannot be had as a wheel, but its
    installer can travel in the kit. On Windows OpenVINO needs Microsoft's Visual C++ runtime too.

    \b
    Example:
      edgewbc kit --for windows --to edgewbc-kit-windows --zip
    """
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.errors import UserError
    from edgewbc.kit.build import Options, build
    from edgewbc.kit.target import Target
    from edgewbc.utils import resources

    versions = [part.strip() for value in python or ["3.12"] for part in value.split(",") if part.strip()]
    if not versions:
        raise UserError("no Python is named: --python 3.12")
    targets = sorted({Target.parse(platform, version) for version in versions}, key=lambda target: target.python)
    chosen = model or resources.shipped_bundle()
    say(f"model: {chosen}")
    options = Options(wheels, whole_wheels, python_installer, vc_redist, zip)
    made = build(targets, to or Path(f"edgewbc-kit-{platform}"), Bundle.open(chosen), options, say)
    if as_json:
        emit(made.to_dict())
    else:
        print(_table(made))
        say(f"next: copy {made.folder} to a stick, and print its guide.html")


def _table(kit: Kit) -> str:
    from edgewbc.utils.text import table

    bytes_of = {wheel["file"]: wheel["bytes"] for wheel in kit.facts["wheels"]}
    rows = [
        [row["name"], row["version"], row["licence"], f"{bytes_of[row['wheel']] / 1e6:.2f} MB"] for row in kit.licences
    ]
    lines = [table(["wheel", "version", "licence", "size"], rows, left=3)]
    lines += [f"taken out of {row['name']}: {row['without']}" for row in kit.licences if row["without"]]
    lines += [f"left out: {name} ({why})" for name, why in kit.facts["left_out"].items()]
    packed = "" if kit.zip_size is None else f", {kit.zip}: {kit.zip_size / 1e6:.1f} MB"
    return "\n".join([*lines, f"{kit.folder}: {kit.size / 1e6:.1f} MB in {kit.files} files{packed}"])

"""Assemble a kit: wheels, bundle, launchers, guide, licenses and checksums.

install.bat, classify.bat (or .sh)   launchers for the technician
guide.html                           one-page guide, for printing
SHA256SUMS                           hashes of every other file; install checks them first
LICENSES/                            license texts, and LICENSES.csv
prerequisites/                       installers given with --python-installer, --vc-redist
files/kit.json                       what the kit contains: system, Python versions, model, wheels
files/install.py, classify.py        scripts that the launchers run
files/requirements-<version>.txt     pinned, with hashes
files/wheels/, files/model/          the wheels; the bundle
files/trusted-keys.txt               public keys whose bundles `classify` accepts (--trust)
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import edgewbc
from edgewbc.bundle import archive, signature
from edgewbc.bundle import bundle as bundles
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import SIGNATURE, SUMS
from edgewbc.errors import UserError
from edgewbc.kit import guide, licenses, own_wheel, templates
from edgewbc.kit.collect import LEFT_OUT, Say, collect
from edgewbc.kit.facts import KitFacts, KitModel, WheelFacts
from edgewbc.kit.licenses import WheelLicense
from edgewbc.kit.slim import Slimmed, slim
from edgewbc.kit.target import GLIBC, Platform, Target
from edgewbc.kit.wheel import Wheel, member
from edgewbc.utils.files import atomic_write, occupied, sha256, whole_folder, write_json, write_text
from edgewbc.utils.json_values import values_of

MAX_BYTES = 150_000_000  # bytes; a larger kit causes a warning
_INSTALLER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.exe", re.ASCII | re.IGNORECASE)


TRUSTED_KEYS: Final = "trusted-keys.txt"


@dataclass(frozen=True)
class KitOptions:
    """Options of `build`.

    Attributes:
        wheels: folder to take wheels from, without using the network; None downloads them.
        whole: keep every wheel as it was published.
        python_installer: Python's installer, to include in a kit for Windows.
        vc_redist: installer of Microsoft's Visual C++ runtime, to include in a kit for Windows.
        zip: also write a zip of the folder, next to it.
        trust: file of trusted public keys to build in; the kit then classifies with bundles that they have signed.
    """

    wheels: Path | None = None
    whole: bool = False
    python_installer: Path | None = None
    vc_redist: Path | None = None
    zip: bool = False
    trust: Path | None = None


@dataclass(frozen=True)
class Kit:
    """A kit that was built.

    Attributes:
        folder: the kit.
        zip: its zip, or None.
        size: bytes of all files in the folder.
        zip_size: bytes of the zip, or None.
        files: number of files in SHA256SUMS.
        facts: content of `files/kit.json`.
        licenses: one row for each wheel, see `licenses.gather`.
    """

    folder: str
    zip: str | None
    size: int
    zip_size: int | None
    files: int
    facts: KitFacts
    licenses: tuple[WheelLicense, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {**values_of(self), "facts": self.facts.to_json()}


def build(
    targets: Sequence[Target], to: Path, bundle: Bundle, options: KitOptions | None = None, say: Say = lambda text: None
) -> Kit:
    """Build a kit. The folder is created atomically, once it is complete.

    Args:
        targets: one for each version of Python, all for the same system.
        to: folder to create.
        bundle: the model that `classify` will use.
        options: see `KitOptions`.
        say: receives a line for each download and each warning.

    Raises:
        UserError: `to` exists, an installer is not valid, a wheel is not available, or the bundle is damaged.
    """
    options = options or KitOptions()
    platform = targets[0].platform
    packed = to.with_name(f"{to.name}.zip")
    for path in (to, packed) if options.zip else (to,):
        if occupied(path):
            raise UserError(f"{path}: exists already, and a kit is never overwritten: give another --to")
    if options.wheels is not None and not any(options.wheels.glob("*.whl")):
        raise UserError(f"{options.wheels}: contains no wheels")
    if not bundle.holds("openvino", bundle.default_precision):
        raise UserError(f"{bundle.path}: has no OpenVINO files, which the lab's PC needs")
    installers = _installers(options, platform)
    keys = () if options.trust is None else signature.read_keys(options.trust)
    if keys:
        say(signature.require(bundle, keys).line)
    with whole_folder(to) as kit:
        (kit / "files" / "wheels").mkdir(parents=True)
        wheels = _wheels(targets, kit / "files", kit.parent, options, say)
        rows = licenses.gather(wheels, kit / "LICENSES")
        for name in bundle.verify():
            file = kit / "files" / "model" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bundle.read(name))
        bundles.seal(kit / "files" / "model")
        if (signed := archive.read_optional(bundle.path, SIGNATURE)) is not None:
            (kit / "files" / "model" / SIGNATURE).write_bytes(signed)
        if keys:
            lines = "".join(f"{key.line()}\n" for key in keys)
            write_text(kit / "files" / TRUSTED_KEYS, lines)
        for file in installers.values():
            (kit / "prerequisites").mkdir(exist_ok=True)
            shutil.copyfile(file, kit / "prerequisites" / file.name)
        facts = _facts(targets, bundle, wheels, installers)
        write_json(kit / "files" / "kit.json", facts.to_json())
        _launchers(kit, targets, facts, bundle, installers)
        bundles.seal(kit)
    if options.zip:
        pack(to, packed)
    size = sum(file.stat().st_size for file in to.rglob("*") if file.is_file())
    if size > MAX_BYTES:
        say(f"the kit is larger than {MAX_BYTES / 1e6:.0f} MB: each additional Python version adds its own wheels")
    zip_size = packed.stat().st_size if options.zip else None
    files = len((to / SUMS).read_text(encoding="utf-8").splitlines())
    return Kit(str(to), str(packed) if options.zip else None, size, zip_size, files, facts, rows)


def pack(folder: Path, to: Path) -> None:
    """Write a kit as a reproducible zip, with the folder's name as the top level; scripts stay executable."""
    with atomic_write(to) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            name = (Path(folder.name) / file.relative_to(folder)).as_posix()
            info = member(name, executable=file.suffix == ".sh")
            if file.suffix in (".whl", ".exe"):
                info.compress_type = zipfile.ZIP_STORED  # already compressed
            archive.writestr(info, file.read_bytes())


def _wheels(targets: Sequence[Target], files: Path, work: Path, options: KitOptions, say: Say) -> list[Slimmed]:
    """Write the wheels of all targets into `files/wheels`, each once, and the pinned requirements of each target."""
    own = own_wheel.build(files / "wheels")
    kept: dict[str, Slimmed] = {own.name: slim(Wheel.read(own))}
    for target in targets:
        fetched = work / f"wheels-{target.version}"
        fetched.mkdir()
        found = collect(own, target, fetched, options.wheels, say)
        pins = [kept[own.name].wheel]
        for wheel in found:
            item = slim(wheel, options.whole)
            name = item.wheel.path.name
            if name not in kept:
                item.wheel.path.replace(files / "wheels" / name)
                kept[name] = Slimmed(Wheel.read(files / "wheels" / name), item.published, item.without)
            pins.append(kept[name].wheel)
        lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{sha256(wheel.path)}\n" for wheel in pins]
        write_text(files / f"requirements-{target.version}.txt", "".join(sorted(lines)))
    return [kept[name] for name in sorted(kept)]


def _installers(options: KitOptions, platform: Platform) -> dict[str, Path]:
    given = {"python_installer": options.python_installer, "vc_redist": options.vc_redist}
    found = {name: path for name, path in given.items() if path is not None}
    for name, path in found.items():
        option = f"--{name.replace('_', '-')} {path}"
        if platform is not Platform.WINDOWS:
            raise UserError(f"{option}: only a kit for Windows takes an installer")
        if not path.is_file() or not _INSTALLER_NAME.fullmatch(path.name):
            raise UserError(f"{option}: should be an .exe file, its name of letters, digits, points and hyphens")
    return found


def _facts(
    targets: Sequence[Target], bundle: Bundle, wheels: Sequence[Slimmed], installers: dict[str, Path]
) -> KitFacts:
    return KitFacts(
        edgewbc=edgewbc.__version__,
        platform=targets[0].platform.value,
        pythons=tuple(target.version for target in targets),
        glibc=(2, GLIBC),
        model=KitModel(bundle.name, bundle.default_precision, bundle.model_sha256()),
        wheels=tuple(
            WheelFacts(
                item.wheel.path.name,
                item.wheel.name,
                item.wheel.version,
                item.wheel.path.stat().st_size,
                sha256(item.wheel.path),
                item.published,
                tuple(item.without),
            )
            for item in wheels
        ),
        left_out=LEFT_OUT,
        installers={name: f"prerequisites/{path.name}" for name, path in installers.items()},
    )


def _launchers(
    kit: Path, targets: Sequence[Target], facts: KitFacts, bundle: Bundle, installers: dict[str, Path]
) -> None:
    windows = targets[0].platform is Platform.WINDOWS
    versions = [target.version for target in targets]
    either, suffix = " or ".join(versions), "bat" if windows else "sh"
    given = installers.get("python_installer")
    if given:
        python_help = (
            f"Double-click {given.name} in the folder prerequisites and click Install Now; then start install again."
        )
    elif windows:
        python_help = "The engineer has to install it first, from python.org; then start install again."
    else:
        python_help = (
            f"Install it first (such as: sudo apt install python{versions[-1]}-venv); then start install again."
        )
    values = {
        "PYTHONS": " ".join(versions),
        "COMPACT_PYTHONS": " ".join(version.replace(".", "") for version in versions),
        "PYTHONS_OR": either,
        "PYTHON_NAMES": " ".join(f"python{version}" for version in versions),
        "VERSION_TUPLES": ", ".join(str(target.python) for target in targets),
        "PYTHON_HELP": python_help,
    }
    for name in ("install", "classify"):
        templates.write(f"{targets[0].platform}/{name}.{suffix}", kit / f"{name}.{suffix}", values)
    for name in ("install.py", "classify.py"):
        (kit / "files" / name).write_bytes(templates.read(f"files/{name}").encode("utf-8"))
    needs = {
        True: f"Windows 10 or later, 64 bit; Python {either} (64 bit); Microsoft Visual C++ Redistributable (x64); "
        "500 MB of disk",
        False: f"Linux on x86-64 with glibc 2.{GLIBC} or later; Python {either} with venv; 500 MB of disk",
    }
    elsewhere = {True: r"%LOCALAPPDATA%\edgewbc", False: "~/.local/share/edgewbc"}
    placeholders = {
        "INSTALL": f"install.{suffix}",
        "CLASSIFY": f"classify.{suffix}",
        "DROP": "classify.bat" if windows else "classify.desktop",
        "INSTALL_HOW": "Double-click install.bat." if windows else "Start install.sh (right click: Run as a program).",
        "CLASSIFY_HOW": "Without a mouse: start it and type the folder's name."
        if windows
        else "Install makes that file. Or start classify.sh and drag the folder into its window.",
        "NEEDS": needs[windows] + (f" ({python_help[:-1]})" if given else ""),
        "ELSEWHERE": f" (and {elsewhere[windows]}, if it was installed from a stick)",
        "VERSION": facts.edgewbc,
        "MODEL": bundle.name,
        "MODEL_SHA": facts.model.sha256[:12],
    }
    templates.write("guide.html", kit / "guide.html", guide.values(placeholders, bundle.classes))

"""Install edgewbc from the kit that this file lies in, without a network: what `install` runs.

It checks the kit's files, makes a virtual environment (in the kit's folder; in the user's data folder where the kit is
on a stick or cannot be written to), installs the wheels by their hashes, runs `edgewbc selftest`, and says in one line
whether this PC is ready. Standard library only: it is run by whatever Python the PC has.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

KIT = Path(__file__).resolve().parents[1]
WINDOWS = os.name == "nt"
LONGEST = 120  # characters of the folder's path on Windows: with the longest name in a wheel it stays below 260
REMOVABLE = 2  # what GetDriveTypeW says of a stick


class NotReadyError(Exception):
    """Why this PC is not ready, and the mend, in one line."""


def verify(kit: Path) -> int:
    """Check every file that SHA256SUMS names; how many there are."""
    try:
        lines = (kit / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except OSError:
        raise NotReadyError("SHA256SUMS is missing from this folder: copy the kit anew") from None
    for line in lines:
        wanted, _, name = line.partition("  ")
        digest = hashlib.sha256()
        try:
            with (kit / name).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError:
            raise NotReadyError(f"{name} is missing or cannot be read: copy the kit anew") from None
        if digest.hexdigest() != wanted:
            raise NotReadyError(f"{name} is damaged (wrong hash): copy the kit anew")
    return len(lines)


def check(told: dict[str, Any]) -> None:
    """See that this PC is one that the kit is for."""
    here = "{}.{}".format(*sys.version_info[:2])
    if told["platform"] != ("windows" if WINDOWS else sys.platform):
        raise NotReadyError(f"this kit is for {told['platform']}: make one for this system with `edgewbc kit --for`")
    if here not in told["pythons"]:
        raise NotReadyError(f"this kit is for Python {' or '.join(told['pythons'])}, and this is Python {here}")
    if sys.maxsize < 2**32 or platform.machine().lower() not in ("amd64", "x86_64"):
        raise NotReadyError(f"this kit is for 64 bit Python on x86-64, and this is {platform.machine()}")
    if WINDOWS and not _loads("msvcp140.dll"):
        where = told.get("vc_redist") or "vc_redist.x64.exe, from Microsoft"
        raise NotReadyError(f"the Microsoft Visual C++ Redistributable (x64) is missing: install it first ({where})")
    name, version = platform.libc_ver()
    if not WINDOWS and name == "glibc" and [int(part) for part in version.split(".")[:2]] < told["glibc"]:
        raise NotReadyError(f"this Linux has glibc {version}; needed is {'.'.join(map(str, told['glibc']))} or later")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def homes(kit: Path) -> list[Path]:
    """Where it can be installed, the best place first."""
    data = os.environ.get("LOCALAPPDATA") if WINDOWS else os.environ.get("XDG_DATA_HOME")
    user = Path(data) if data else Path.home() / ("AppData/Local" if WINDOWS else ".local/share")
    places = [kit, user / "edgewbc" / "kit"]
    if WINDOWS and ctypes.windll.kernel32.GetDriveTypeW(kit.anchor) == REMOVABLE:
        places.reverse()  # what is installed on a stick works on no other PC, and slowly
    return places


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def install(kit: Path, home: Path) -> Path:
    """Make the environment in `home` anew and install the wheels; its Python."""
    place = home / "venv"
    if WINDOWS and len(str(place)) > LONGEST:
        raise NotReadyError(f"the path of this folder is too long for Windows: move it to C:\\edgewbc ({place})")
    if place.exists():
        shutil.rmtree(place)
    try:
        venv.EnvBuilder(with_pip=True, symlinks=not WINDOWS).create(place)
    except subprocess.CalledProcessError:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        raise NotReadyError(f"this Python cannot make an environment with pip: sudo apt install {package}") from None
    python = place / ("Scripts/python.exe" if WINDOWS else "bin/python")
    here = "{}.{}".format(*sys.version_info[:2])
    command = [python, "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    command += ["--no-index", "--find-links", kit / "files" / "wheels", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--no-cache-dir", "--no-warn-script-location"]
    command += ["-r", kit / "files" / f"requirements-{here}.txt"]
    # pip's variables (an index, a constraint) would still be read.
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("PIP_")}
    if subprocess.call([str(part) for part in command], env=clean | {"PIP_CONFIG_FILE": os.devnull}):  # noqa: S603
        raise NotReadyError("the wheels could not be installed (see above); is the disk full?")
    return python


def settle(kit: Path, home: Path) -> None:
    """Copy what `classify` needs beside the environment, where that is not in the kit itself."""
    if home == kit:
        return
    shutil.rmtree(home / "files", ignore_errors=True)
    wanted = [kit / "files" / "classify.py", kit / "files" / "kit.json", *(kit / "files" / "model").rglob("*")]
    wanted += [kit / name for name in ("classify.bat", "classify.sh", "guide.html")]
    for file in wanted:
        if file.is_file():
            to = home / file.relative_to(kit)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)  # without the permissions: those of a stick are not to be kept
            if file.suffix == ".sh":
                to.chmod(0o755)


def desktop_entry(home: Path) -> None:
    """Write `classify.desktop` beside `classify.sh`: file managers take a folder that is dragged onto it."""
    quoted = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in str(home / "classify.sh"))
    command = quoted.replace("\\", "\\\\").replace("%", "%%")  # a value is unescaped once before it is split
    lines = ["Type=Application", "Name=edgewbc classify", "Comment=Drag a folder of cell pictures onto it"]
    lines += [f'Exec="{command}" %F', "Terminal=true", "Categories=Science;"]
    entry = home / "classify.desktop"
    entry.write_text("[Desktop Entry]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    entry.chmod(0o755)


def main() -> int:
    """Do all of it; 0 when this PC is ready."""
    try:
        print(f"{verify(KIT)} files of the kit are whole.", flush=True)
        told = json.loads((KIT / "files" / "kit.json").read_text(encoding="utf-8"))
        check(told)
        python, home = None, KIT
        for home in homes(KIT):
            if not _writable(home):
                continue
            print(
                f"Installing edgewbc {told['edgewbc']} into {home} (a minute or two; no network is used).", flush=True
            )
            try:
                python = install(KIT, home)
                settle(KIT, home)
                break
            except OSError as error:  # such as a stick whose file system knows no links
                print(f"{home}: {error}", flush=True)
                python = None
        if python is None:
            raise NotReadyError("it can be installed neither here nor in your own folder: is the disk full?")
        command = [python, "-I", "-m", "edgewbc", "selftest", home / "files" / "model"]
        if subprocess.call([str(part) for part in command]):  # noqa: S603
            raise NotReadyError("it is installed, but the self test failed (see above): do not use it on this PC")
        (home / "venv" / "ready").write_text(told["edgewbc"] + "\n", encoding="utf-8")
        if not WINDOWS:
            desktop_entry(home)
    except NotReadyError as error:
        print(f"\nNOT READY: {error}")
        return 2
    launcher = home / ("classify.bat" if WINDOWS else "classify.desktop")
    print(f"\nREADY: drag a folder of cell pictures onto {launcher.name if home == KIT else launcher}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

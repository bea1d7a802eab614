"""Install edgewbc from the kit that contains this file, without a network. Started by `install.bat` or `install.sh`.

The script checks the kit's files, creates a virtual environment (in the kit's folder, or in the user's data folder if
the kit is on a USB stick or read-only), installs the wheels by their hashes, runs `edgewbc selftest`, and ends with one
line that says whether this PC is ready. Standard library only, since it runs in the PC's own Python.
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
LONGEST = 120  # characters of the environment's path on Windows: keeps the longest path in a wheel below 260
REMOVABLE = 2  # GetDriveTypeW's value for a USB stick
SUMS = "SHA256SUMS"
LISTED = ("files", "LICENSES", "prerequisites")
"""Folders of the kit in which every file must be listed in SHA256SUMS."""
REQUIRED = ("guide.html", "files/kit.json", "files/install.py", "files/classify.py", "files/model/SHA256SUMS")
"""Files that SHA256SUMS must list in any kit."""
LAUNCHERS = ("install.bat", "install.sh", "classify.bat", "classify.sh")
IGNORED = ("desktop.ini", "Thumbs.db", ".DS_Store")
"""Files that file managers create in folders."""


class NotReadyError(Exception):
    """Why this PC is not ready and what to do, in one line."""


def verify(kit: Path) -> int:
    """Check every file of the kit against SHA256SUMS.

    An empty or truncated list would leave files unchecked, so the list itself must be complete: it must name every file
    in the folders of the kit, and every wheel of `files/kit.json`.

    Returns:
        Number of files checked.

    Raises:
        NotReadyError: a file is missing, damaged or not listed.
    """
    try:
        lines = (kit / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise NotReadyError(f"{SUMS} is missing or cannot be read: copy the kit again") from None
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    present = [file for top in LISTED for file in (kit / top).rglob("*") if file.is_file()]
    present += [kit / name for name in LAUNCHERS if (kit / name).is_file()]
    names = {file.relative_to(kit).as_posix() for file in present if file.name not in IGNORED}
    _require_listed({*REQUIRED, *names}, sums)
    for name, digest in sums.items():
        try:
            actual = _sha256(kit / name)
        except OSError:
            raise NotReadyError(f"{name} is missing or cannot be read: copy the kit again") from None
        if actual != digest:
            raise NotReadyError(f"{name} is damaged (wrong hash): copy the kit again")
    facts = json.loads((kit / "files" / "kit.json").read_text(encoding="utf-8"))
    _require_listed({f"files/requirements-{python}.txt" for python in facts["pythons"]}, sums)
    _require_listed({f"files/wheels/{wheel['file']}" for wheel in facts["wheels"]}, sums)
    return len(sums)


def _require_listed(names: set[str], sums: dict[str, str]) -> None:
    if missing := sorted(names - set(sums)):
        raise NotReadyError(
            f"{missing[0]} is not listed in {SUMS}: the kit is incomplete or was changed: copy it again"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check(facts: dict[str, Any]) -> None:
    """Raise NotReadyError unless the kit is for this PC. `facts` is the content of `files/kit.json`."""
    here = "{}.{}".format(*sys.version_info[:2])
    if facts["platform"] != ("windows" if WINDOWS else sys.platform):
        raise NotReadyError(f"this kit is for {facts['platform']}: make one for this system with `edgewbc kit --for`")
    if here not in facts["pythons"]:
        raise NotReadyError(f"this kit is for Python {' or '.join(facts['pythons'])}, and this is Python {here}")
    if sys.maxsize < 2**32 or platform.machine().lower() not in ("amd64", "x86_64"):
        raise NotReadyError(f"this kit is for 64 bit Python on x86-64, and this is {platform.machine()}")
    if WINDOWS and not _loads("msvcp140.dll"):
        where = facts.get("vc_redist") or "vc_redist.x64.exe, from Microsoft"
        raise NotReadyError(f"the Microsoft Visual C++ Redistributable (x64) is missing: install it first ({where})")
    name, version = platform.libc_ver()
    if not WINDOWS and name == "glibc" and [int(part) for part in version.split(".")[:2]] < facts["glibc"]:
        raise NotReadyError(f"this Linux has glibc {version}; needed is {'.'.join(map(str, facts['glibc']))} or later")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def homes(kit: Path) -> list[Path]:
    """Return the folders that edgewbc can be installed into, the preferred one first."""
    data = os.environ.get("LOCALAPPDATA") if WINDOWS else os.environ.get("XDG_DATA_HOME")
    user = Path(data) if data else Path.home() / ("AppData/Local" if WINDOWS else ".local/share")
    places = [kit, user / "edgewbc" / "kit"]
    if WINDOWS and ctypes.windll.kernel32.GetDriveTypeW(kit.anchor) == REMOVABLE:  # type: ignore[attr-defined]
        places.reverse()  # an environment on a USB stick is slow, and works only on this PC
    return places


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def install(kit: Path, home: Path) -> Path:
    """Create the environment in `home`, replacing an old one, and install the wheels. Returns its Python's path."""
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
    # With --isolated pip ignores its configuration files, but it still reads some variables, such as PIP_CONSTRAINT.
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("PIP_")}
    if subprocess.call([str(part) for part in command], env=clean | {"PIP_CONFIG_FILE": os.devnull}):  # noqa: S603
        raise NotReadyError("the wheels could not be installed (see above): is the disk full?")
    return python


def settle(kit: Path, home: Path) -> None:
    """Copy the files that `classify` needs into `home`, unless that is the kit's own folder."""
    if home == kit:
        return
    shutil.rmtree(home / "files", ignore_errors=True)
    wanted = [kit / "files" / "classify.py", kit / "files" / "kit.json", *(kit / "files" / "model").rglob("*")]
    wanted += [kit / name for name in ("classify.bat", "classify.sh", "guide.html")]
    for file in wanted:
        if file.is_file():
            to = home / file.relative_to(kit)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)  # without permissions, which a USB stick does not store
            if file.suffix == ".sh":
                to.chmod(0o755)


def desktop_entry(home: Path) -> None:
    """Write `classify.desktop` next to `classify.sh`: file managers accept a folder dropped onto it."""
    quoted = "".join(f"\\{letter}" if letter in '"`$\\' else letter for letter in str(home / "classify.sh"))
    command = quoted.replace("\\", "\\\\").replace("%", "%%")  # the value is unescaped once before it is split
    lines = ["Type=Application", "Name=edgewbc classify", "Comment=Drag a folder of cell images onto it"]
    lines += [f'Exec="{command}" %F', "Terminal=true", "Categories=Science;"]
    entry = home / "classify.desktop"
    entry.write_text("[Desktop Entry]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    entry.chmod(0o755)


def main() -> int:
    """Install and test edgewbc. Returns the exit code: 0 if this PC is ready, else 2."""
    try:
        print(f"{verify(KIT)} files of the kit are complete and unchanged.", flush=True)
        facts = json.loads((KIT / "files" / "kit.json").read_text(encoding="utf-8"))
        check(facts)
        python, home = None, KIT
        for home in homes(KIT):
            if not _writable(home):
                continue
            print(
                f"Installing edgewbc {facts['edgewbc']} into {home} (one or two minutes; no network is used).",
                flush=True,
            )
            try:
                python = install(KIT, home)
                settle(KIT, home)
                break
            except OSError as error:  # such as a stick whose file system has no links
                print(f"{home}: {error}", flush=True)
                python = None
        if python is None:
            raise NotReadyError("edgewbc can be installed neither in this folder nor in your own: is the disk full?")
        command = [python, "-I", "-m", "edgewbc", "selftest", home / "files" / "model"]
        if subprocess.call([str(part) for part in command]):  # noqa: S603
            raise NotReadyError("edgewbc is installed, but the self-test failed (see above): do not use it on this PC")
        (home / "venv" / "ready").write_text(facts["edgewbc"] + "\n", encoding="utf-8")
        if not WINDOWS:
            desktop_entry(home)
    except NotReadyError as error:
        print(f"\nNOT READY: {error}")
        return 2
    launcher = home / ("classify.bat" if WINDOWS else "classify.desktop")
    print(f"\nREADY: drag a folder of cell images onto {launcher.name if home == KIT else launcher}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

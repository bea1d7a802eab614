"""Install and use a real kit on this Linux PC, without network access.

Not part of the test run, since it downloads about 150 MB and takes a minute or two:

    python tests/kit/try_kit.py            # builds a kit for this Python and tries it
    python tests/kit/try_kit.py KIT        # tries an existing kit
    python tests/kit/try_kit.py --wheels DIR

The kit is unpacked into a folder whose name contains a space, an & and a non-ASCII letter, with an empty home folder
and a minimal environment, in a network namespace of its own (`unshare -n`) where that is allowed. Then `install.sh`,
`classify.sh` on synthetic cells and `edgewbc doctor` run; each must succeed. At the end, the files in the home folder
are listed (doctor saves its choice there).
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CELLS = 8  # of each type


def without_network() -> list[str]:
    """Return the prefix that runs a command without network access; empty where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare:
        for options in (["-n"], ["-r", "-n"]):
            if subprocess.run([unshare, *options, "true"], capture_output=True, check=False).returncode == 0:
                return [unshare, *options]
    print("a network namespace cannot be created here: the commands run with network access")
    return []


def step(what: str, command: list[str], home: Path) -> str:
    """Run a command in a minimal environment, print its duration, and return its stdout."""
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    start = time.perf_counter()
    ran = subprocess.run(
        [*without_network(), *command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(ran.stdout)
    print(f"== {what}: {time.perf_counter() - start:.1f} s, exit code {ran.returncode}\n", flush=True)
    if ran.returncode:
        sys.exit(f"{what} failed")
    return ran.stdout


def main() -> None:
    """Build a kit if none is given, and try it."""
    parser = argparse.ArgumentParser(description="Install and use a kit for Linux without network access.")
    parser.add_argument("kit", nargs="?", type=Path)
    parser.add_argument("--wheels", type=Path)
    given = parser.parse_args()
    edgewbc = [sys.executable, "-m", "edgewbc"]
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        folder, home = top / "Bench top & ü", top / "home"
        home.mkdir()
        folder.mkdir()
        if given.kit is None:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            options = ["--wheels", str(given.wheels)] if given.wheels else []
            command = ["kit", "--for", "linux", "--python", version, "--to", str(top / "kit"), "--zip", *options]
            subprocess.run([*edgewbc, *command], check=True)
            # As a person would unpack it; Python's zipfile would lose the executable bit.
            subprocess.run(["unzip", "-q", str(top / "kit.zip"), "-d", str(folder)], check=True)
        else:
            shutil.copytree(given.kit, folder / "kit")
        output = step("install", [str(folder / "kit" / "install.sh")], home)
        if "\nREADY: " not in output:
            sys.exit("install.sh did not print READY")
        drawn, smear = top / "drawn", top / "smear 17 & ä"
        subprocess.run([*edgewbc, "data", "synth", "--to", str(drawn), "--cells", str(CELLS)], check=True)
        smear.mkdir()
        for image in sorted((drawn / "cells").rglob("*.png")):
            shutil.copy(image, smear / f"{image.parent.name} {image.name}")
        step("classify", [str(folder / "kit" / "classify.sh"), str(smear)], home)
        with (top / "smear 17 & ä.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if len(rows) != 5 * CELLS or any(row["status"] == "error" for row in rows):
            sys.exit(f"{len(rows)} rows, some with errors")
        model = ["--model", str(folder / "kit" / "files" / "model")]
        step("doctor", [str(folder / "kit" / "venv" / "bin" / "python"), "-m", "edgewbc", "doctor", *model], home)
        print("files in the home folder:", [str(path.relative_to(home)) for path in home.rglob("*")] or "nothing")


if __name__ == "__main__":
    main()

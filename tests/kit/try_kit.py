"""Install a real kit on this Linux PC with the network cut off, and use it.

Not part of the test run, since it downloads some 150 MB and takes a minute or two:

    python tests/kit/try_kit.py            # makes a kit for this Python, then tries it
    python tests/kit/try_kit.py KIT        # tries a kit that is there already
    python tests/kit/try_kit.py --wheels DIR

The kit is unpacked into a folder whose name holds a space, a & and a letter beyond ASCII, with an empty home folder and
no environment variables, in a network namespace of its own (`unshare -n`) where that is allowed. Then `install.sh`,
`classify.sh` on drawn cells, and `edgewbc doctor` are run; each must end well. What is left in the home is
listed (doctor remembers its choice there).
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


def cut_off() -> list[str]:
    """What a command is started with so that it has no network; nothing where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare:
        for options in (["-n"], ["-r", "-n"]):
            if subprocess.run([unshare, *options, "true"], capture_output=True, check=False).returncode == 0:
                return [unshare, *options]
    print("no network namespace can be made here: the network is left as it is")
    return []


def step(what: str, command: list[str], home: Path) -> str:
    """Run a command in an empty environment; its stdout. The time it took is printed."""
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    start = time.perf_counter()
    ran = subprocess.run(
        [*cut_off(), *command],
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
    """Make the kit if none is given, and try it."""
    parser = argparse.ArgumentParser(description="Try a kit for Linux with the network cut off.")
    parser.add_argument("kit", nargs="?", type=Path)
    parser.add_argument("--wheels", type=Path)
    given = parser.parse_args()
    edgewbc = [sys.executable, "-m", "edgewbc"]
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        place, home = top / "Bench top & ü", top / "home"
        home.mkdir()
        place.mkdir()
        if given.kit is None:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            options = ["--wheels", str(given.wheels)] if given.wheels else []
            made = ["kit", "--for", "linux", "--python", version, "--to", str(top / "kit"), "--zip", *options]
            subprocess.run([*edgewbc, *made], check=True)
            # As a person would unpack it; Python's zipfile would lose the executable bit.
            subprocess.run(["unzip", "-q", str(top / "kit.zip"), "-d", str(place)], check=True)
        else:
            shutil.copytree(given.kit, place / "kit")
        said = step("install", [str(place / "kit" / "install.sh")], home)
        if "\nREADY: " not in said:
            sys.exit("it does not say READY")
        drawn, smear = top / "drawn", top / "smear 17 & ä"
        subprocess.run([*edgewbc, "data", "synth", "--to", str(drawn), "--cells", str(CELLS)], check=True)
        smear.mkdir()
        for image in sorted((drawn / "cells").rglob("*.png")):
            shutil.copy(image, smear / f"{image.parent.name} {image.name}")
        step("classify", [str(place / "kit" / "classify.sh"), str(smear)], home)
        with (top / "smear 17 & ä.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if len(rows) != 5 * CELLS or any(row["status"] == "error" for row in rows):
            sys.exit(f"{len(rows)} rows, some with errors")
        model = ["--model", str(place / "kit" / "files" / "model")]
        step("doctor", [str(place / "kit" / "venv" / "bin" / "python"), "-m", "edgewbc", "doctor", *model], home)
        print("left in the home folder:", [str(path.relative_to(home)) for path in home.rglob("*")] or "nothing")


if __name__ == "__main__":
    main()

"""Write constraints/lab.txt and constraints/train.txt: `python constraints/make.py`, or `make lock`.

Takes the versions that are installed here, since the tests ran with them, and adds the packages that other systems
need. uv is installed in a temporary environment.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess  # noqa: S404
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAINING = ("train", "qat", "lite", "dev", "docs")
HEADERS = {
    "lab": """\
# Versions and hashes of everything that the lab side needs, as tested. Made by `make lock`.
#     pip install --require-hashes -r constraints/lab.txt && pip install --no-deps edgewbc
""",
    "train": """\
# Versions of everything that training and development need, as tested. Made by `make lock`. No hashes, so that torch
# may come from an index of builds without CUDA.
#     pip install -c constraints/train.txt -e ".[train,dev,docs]"
""",
}


def main() -> None:
    """Write both files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        venv.create(folder / "venv", with_pip=True)
        python = next(path for path in (folder / "venv").glob("*/python*") if path.stem == "python")
        _run(str(python), "-m", "pip", "install", "--quiet", "uv")
        tested = folder / "tested.txt"
        tested.write_text("\n".join(installed()) + "\n", encoding="utf-8")
        for name, options in (("lab", ["--generate-hashes"]), ("train", [f"--extra={each}" for each in TRAINING])):
            out = folder / f"{name}.txt"
            _run(
                str(python), "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11.5",
                "--no-annotate", "--no-header", "--constraint", str(tested), *options,
                "--output-file", str(out), str(HERE.parent / "pyproject.toml"),
            )  # fmt: skip
            (HERE / f"{name}.txt").write_text(HEADERS[name] + out.read_text(encoding="utf-8"), encoding="utf-8")


def installed() -> list[str]:
    """Return what is installed here as requirements, without the build tags of versions (`2.14.1+cpu`)."""
    found = {each.metadata["Name"]: each.version.split("+")[0] for each in importlib.metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in found.items() if name != "edgewbc")


def _run(*command: str) -> None:
    ran = subprocess.run(command, env={**os.environ, "UV_NO_CONFIG": "1"}, check=False)  # noqa: S603
    if ran.returncode:
        sys.exit(f"{' '.join(command[:5])} ...: failed; the files are unchanged")


if __name__ == "__main__":
    main()

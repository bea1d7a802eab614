"""Build edgewbc's own wheel for a kit from the running package: a checkout or an installation.

No build tool is needed. Recipes and released bundles are left out: the kit contains its one bundle, and the lab's PC
does not train. The same files give the same bytes.
"""

from __future__ import annotations

import importlib.metadata
import tomllib
from dataclasses import dataclass
from pathlib import Path

import edgewbc
from edgewbc.errors import UserError
from edgewbc.kit.wheel import write

PACKAGE = Path(edgewbc.__file__).resolve().parent
BUILD = "1kit"  # build tag that distinguishes it from the published wheel, which contains a bundle
LICENSES = ("LICENSE", "NOTICE")


@dataclass(frozen=True)
class Project:
    """The metadata of the wheel.

    Attributes:
        requires: requirements of the lab side.
        summary: one-line description.
        python: supported versions, such as `>=3.11`.
        license: SPDX expression.
        files: license texts by file name.
    """

    requires: tuple[str, ...]
    summary: str
    python: str
    license: str
    files: dict[str, bytes]


def project() -> Project:
    """Read the metadata from the checkout's `pyproject.toml`, or from the installed package.

    Raises:
        UserError: edgewbc is neither run from a checkout nor installed.
    """
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        declared = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if declared["name"] == "edgewbc":
            texts = {name: (checkout / name).read_bytes() for name in LICENSES}
            return Project(
                tuple(declared["dependencies"]),
                declared["description"],
                declared["requires-python"],
                declared["license"],
                texts,
            )
    try:
        distribution = importlib.metadata.distribution("edgewbc")
    except importlib.metadata.PackageNotFoundError:
        raise UserError("edgewbc is not installed here, so it cannot be put into a kit: pip install .") from None
    texts = {name: (distribution.read_text(f"licenses/{name}") or "").encode() for name in LICENSES}
    facts = distribution.metadata.json
    return Project(
        tuple(line for line in distribution.requires or () if "extra ==" not in line),
        str(facts.get("summary", "")),
        str(facts.get("requires_python", ">=3.11")),
        str(facts.get("license_expression", "")),
        {name: text for name, text in texts.items() if text},
    )


def build(to: Path) -> Path:
    """Write the wheel into a folder and return its path."""
    declared, version = project(), edgewbc.__version__
    info = f"edgewbc-{version}.dist-info"
    members = {
        (Path("edgewbc") / file.relative_to(PACKAGE)).as_posix(): file.read_bytes()
        for file in PACKAGE.rglob("*")
        if file.is_file() and not {"__pycache__", "_shipped"} & set(file.relative_to(PACKAGE).parts)
    }
    metadata = [
        "Metadata-Version: 2.4",
        "Name: edgewbc",
        f"Version: {version}",
        f"Summary: {declared.summary}",
        f"Requires-Python: {declared.python}",
        f"License-Expression: {declared.license}",
        *(f"License-File: {name}" for name in declared.files),
        *(f"Requires-Dist: {requirement}" for requirement in declared.requires),
    ]
    wheel = [
        "Wheel-Version: 1.0",
        "Generator: edgewbc kit",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
        f"Build: {BUILD}",
    ]
    members[f"{info}/METADATA"] = ("\n".join(metadata) + "\n").encode()
    members[f"{info}/WHEEL"] = ("\n".join(wheel) + "\n").encode()
    members[f"{info}/entry_points.txt"] = b"[console_scripts]\nedgewbc = edgewbc.__main__:main\n"
    members |= {f"{info}/licenses/{name}": text for name, text in declared.files.items()}
    path = to / f"edgewbc-{version}-{BUILD}-py3-none-any.whl"
    write(path, info, members)
    return path

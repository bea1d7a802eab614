"""Tiny wheels with the names and requirements of the real ones, and hardly any content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement

from edgewbc.kit import own_wheel
from edgewbc.kit.wheel import write

VERSION = "9999.1"


def wheel(
    folder: Path,
    name: str,
    version: str = VERSION,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    members: Mapping[str, bytes] | None = None,
    facts: Sequence[str] = ("License-Expression: MIT",),
) -> Path:
    """Write a wheel and return its path.

    Args:
        folder: created if it does not exist.
        name, version, tag: name of the package, its version, and its compatibility tag.
        requires: lines of `Requires-Dist`.
        members: further files, or replacements, by name.
        facts: further lines of METADATA.
    """
    file = name.replace("-", "_")
    info = f"{file}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *facts]
    metadata += [f"Requires-Dist: {line}" for line in requires]
    content = {
        f"{file}/__init__.py": b"",
        f"{info}/METADATA": ("\n".join(metadata) + "\n\nA description.\n").encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\nBuild: 7\n".encode(),
        **(members or {}),
    }
    path = folder / f"{file}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    write(path, info, content)
    return path


def index(folder: Path) -> Path:
    """Write wheels of all requirements of edgewbc, for Windows and Linux, Python 3.12 and 3.13; return `folder`."""
    special = {"openvino", "typer", "numpy"}
    for line in own_wheel.project().requires:
        name = Requirement(line).name.lower()
        if name not in special:
            wheel(folder, name)
    wheel(
        folder,
        "typer",
        "0.28.9999",
        requires=["deep>=1", 'colorama; platform_system == "Windows"', 'extra-one; extra == "all"'],
    )
    wheel(folder, "deep", requires=["deeper"])
    wheel(folder, "deeper", members={f"deeper-{VERSION}.dist-info/licenses/LICENSE": b"Be kind.\n"})
    wheel(folder, "colorama", facts=["License: BSD"])
    for platform, suffix in (("win_amd64", "dll"), ("manylinux_2_28_x86_64", "so")):
        for python in ("cp312", "cp313"):
            wheel(folder, "numpy", tag=f"{python}-{python}-{platform}")
            libs = {
                f"openvino/libs/{name}.{suffix}": name.encode()
                for name in ("openvino_intel_cpu_plugin", "openvino_intel_gpu_plugin", "openvino_intel_npu_compiler")
            }
            wheel(
                folder,
                "openvino",
                tag=f"{python}-{python}-{platform}",
                requires=["numpy>=1", "openvino-telemetry>=1"],
                members=libs,
            )
    return folder

"""Remove from a wheel the files that a PC without a GPU never loads.

OpenVINO's wheels contain plugins for Intel GPUs and NPUs and, on Windows, a compiler for the latter: more than half of
their bytes. They are loaded only for those devices, and edgewbc uses only the CPU. The removed files are listed in the
kit and in the wheel itself, which gets its own build tag because its bytes differ from the published ones.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from edgewbc.kit.wheel import Wheel, write
from edgewbc.utils.files import sha256

UNNEEDED: Final = {
    "openvino": (
        "openvino/libs/*openvino_intel_npu*",
        "openvino/libs/*openvino_intel_gpu*",
        "openvino/libs/cache.json",  # pre-tuned kernels of the GPU plugin
    ),
}
"""Patterns of files to remove, by package."""
BUILD = "slim"  # appended to the build tag
NOTE = "edgewbc-slim.json"  # in the .dist-info folder of a wheel that files were removed from


@dataclass(frozen=True)
class Slimmed:
    """A wheel of the kit, with the hash of the published wheel and the files that were removed.

    Attributes:
        wheel: wheel in the kit.
        published: SHA-256 of the published wheel, which is `wheel` itself if nothing was removed.
        without: removed files.
    """

    wheel: Wheel
    published: str
    without: tuple[str, ...]


def slim(wheel: Wheel, whole: bool = False) -> Slimmed:
    """Replace a wheel with one that lacks the unneeded files. With `whole`, nothing is removed.

    A wheel from another kit, which was slimmed already, is not changed; its own note is returned.
    """
    published = sha256(wheel.path)
    patterns = () if whole else UNNEEDED.get(wheel.name, ())
    with zipfile.ZipFile(wheel.path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if f"{wheel.info}/{NOTE}" in archive.namelist():
            recorded = json.loads(archive.read(f"{wheel.info}/{NOTE}"))
            return Slimmed(wheel, str(recorded["published_sha256"]), tuple(recorded["without"]))
        removed = sorted(i.filename for i in infos if any(fnmatchcase(i.filename, pattern) for pattern in patterns))
        if not removed:
            return Slimmed(wheel, published, ())
        kept = [info for info in infos if info.filename not in removed]
        members = {info.filename: archive.read(info) for info in kept}
        executable = [info.filename for info in kept if info.external_attr >> 16 & 0o100]
    parts = wheel.path.stem.split("-")  # name, version, perhaps a build tag, and three tags
    build = (parts[2] if len(parts) == 6 else "0") + BUILD
    facts = f"{wheel.info}/WHEEL"
    lines = [line for line in members[facts].decode("utf-8").splitlines() if line and not line.startswith("Build:")]
    members[facts] = "".join(f"{line}\n" for line in [*lines, f"Build: {build}"]).encode()
    note = {"changed_by": "edgewbc kit", "published_sha256": published, "without": removed}
    members[f"{wheel.info}/{NOTE}"] = (json.dumps(note, indent=1) + "\n").encode()
    path = wheel.path.with_name("-".join([*parts[:2], build, *parts[-3:]]) + ".whl")
    write(path, wheel.info, members, executable)
    wheel.path.unlink()
    return Slimmed(Wheel.read(path), published, tuple(removed))

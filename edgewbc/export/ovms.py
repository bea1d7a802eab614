"""A bundle as a model repository of OpenVINO Model Server: `NAME/1/model.xml|bin`, `config.json`, `client.json`.

The layout is that of the server's documentation ("Prepare a Model Repository"). The server runs the graph; what its
clients must do is in `client.json` (see `client`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.paths import FAMILIARITY
from edgewbc.errors import UserError
from edgewbc.export.client import CLIENT, ClientDescription
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.text import address_part

CONFIG: Final = "config.json"
README: Final = "README.md"
MOUNTED: Final = "/models"
"""Where the documentation of the server mounts a repository in its container."""


def write(bundle: Bundle, to: Path, precision: str | None = None) -> str:
    """Write the repository: all of it or nothing.

    Args:
        bundle: any bundle; every file that is used is checked.
        to: the new folder.
        precision: of the model; None takes the bundle's default.

    Returns:
        The name that the server knows the model by.

    Raises:
        UserError: `to` is not empty, or the bundle is damaged or has no OpenVINO model of that precision.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    model, info, name = bundle.read_model("openvino", precision), bundle.manifest.familiarity, address_part(bundle.name)
    with whole_folder(to) as folder:
        version = folder / name / "1"
        version.mkdir(parents=True)
        for suffix, data in zip(("xml", "bin"), model.contents, strict=True):
            (version / f"model.{suffix}").write_bytes(data)
        write_json(folder / CONFIG, config(name))
        described = ClientDescription.of(bundle, model.precision)
        if info is not None:
            (folder / FAMILIARITY).write_bytes(bundle.read(info.file))
        write_json(folder / CLIENT, {**described.to_json(), "model_sha256": model.sha256, "served_as": name})
        write_text(folder / README, readme(bundle, name, described))
    return name


def config(name: str, path: str | None = None) -> dict[str, Any]:
    """Return the server's configuration.

    Args:
        name: of the model.
        path: of the model's folder; None takes where the documentation of the server mounts a repository.
    """
    # f32 as in `classify`: on a CPU that has bfloat16, OpenVINO would compute in it
    computed = {"INFERENCE_PRECISION_HINT": "f32"}
    entry = {"name": name, "base_path": path or f"{MOUNTED}/{name}", "plugin_config": computed}
    return {"model_config_list": [{"config": entry}]}


def readme(bundle: Bundle, name: str, described: ClientDescription) -> str:
    """Return how to start the server, and what a client does."""
    return (
        f"# {bundle.name} for OpenVINO Model Server\n\n"
        "    docker run --rm -v $PWD:/models:ro -p 127.0.0.1:9000:9000 -p 127.0.0.1:8000:8000 \\\n"
        f"        openvino/model_server:latest --config_path {MOUNTED}/{CONFIG} --port 9000 --rest_port 8000\n\n"
        "Only this computer reaches it so. The server asks for no token: put a proxy in front of it before you let "
        "others reach it.\n\n"
        f"The model is served as `{name}`: input `image`, uint8 RGB (n, {bundle.pixels.height}, {bundle.pixels.width}, "
        "3); outputs `probabilities` and `features`. Outside a container, change `base_path` in "
        f"`{CONFIG}`. Prepare images as below and send pixels, and no JPEG files: the server would scale them as a "
        f"whole, without the crop.\n\n## What a client does\n\n{described.to_text()}\n\n"
        f"Calibration: {described.calibrate}.\n\n"
        f"Decision: {described.decide} ({described.review_below:g}).\n\n"
        f"{described.unfamiliar}\n\nThe same, for programs: `{CLIENT}`.\n"
    )

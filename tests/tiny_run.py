"""A tiny trained run and its quantized version, created once and shared by all tests that read them."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import torch
from torch.nn import functional

from edgewbc import runs
from edgewbc.compress.quantize import quantize
from edgewbc.data import images
from edgewbc.data.manifest import Manifest
from edgewbc.nets import model
from edgewbc.nets.export_wrapper import Deployed
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from tests.colored import make_manifest

CHANNELS = (8, "M", 8, "M", 16)
_KEPT: list[tempfile.TemporaryDirectory[str]] = []  # until the tests end


def make_spec(classes: tuple[str, ...], arch: str = "vgg16gap") -> ModelSpec:
    """Return the spec of a network with an input of 32 x 36 pixels, from the central 36 pixels of an image."""
    return ModelSpec(arch, classes, PixelSpec(32, 36, "centre", 36), CHANNELS, (10,))


def make_run(folder: Path, manifest: Manifest, steps: int = 300) -> Path:
    """Fit a tiny network to the training images of a manifest and write it as a finished run."""
    torch.manual_seed(0)
    spec = make_spec(manifest.classes)
    net = model.build(spec)
    entries = manifest.split("train")
    seen = torch.from_numpy(next(images.batches(manifest, entries, spec.pixels, len(entries))))
    truth = torch.from_numpy(images.truth(manifest, entries, spec.classes))
    inputs = Deployed(net, spec.pixels).normalize(seen)
    with torch.no_grad():
        net.get_parameter("features.0.weight").div_(60)  # the input is 0 to 255 minus its mean
    parameters = list(net.parameters())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for images this small, more threads only wait for each other
    for step in range(steps):  # sign descent by hand: importing torch.optim takes longer than the whole fit
        gradients = torch.autograd.grad(functional.cross_entropy(net(inputs), truth), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(0.002 * (1 - step / steps) * gradient.sign())
    torch.set_num_threads(threads)
    folder.mkdir(parents=True)
    model.save(folder, net.eval(), spec)
    recipe = {"weights": str(folder.resolve() / "start.safetensors")}
    runs.write_lineage(folder, "train", manifest_sha256=manifest.sha256, recipe=recipe)
    return folder


@functools.cache
def trained() -> tuple[Path, Manifest]:
    """Return a finished run and the manifest it was trained on. Tests must not modify them."""
    top = _folder()
    manifest = make_manifest(top / "images")
    return make_run(top / "runs" / "tiny", manifest), manifest


@functools.cache
def quantized() -> tuple[Path, Manifest]:
    """Return the run that `quantize` creates from `trained`. Tests must not modify it."""
    run, manifest = trained()
    return quantize(run, manifest, to=_folder() / "tiny-int8", subset=20, seed=3), manifest


def _folder() -> Path:
    _KEPT.append(tempfile.TemporaryDirectory(prefix="edgewbc-tests-"))
    return Path(_KEPT[-1].name)

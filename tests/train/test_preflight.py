"""Tests of `edgewbc.train.preflight`: checks before a training begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.nets.spec import ARCHITECTURES, ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.train import preflight
from edgewbc.utils.files import sha256
from tests.colored import make_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Four training, two validation and two test images per class."""
    return make_manifest(tmp_path, per_class=4)


def without(manifest: Manifest, label: str, split: str) -> Manifest:
    """The manifest without a class in one split."""
    kept = tuple(entry for entry in manifest.entries if (entry.label, entry.split) != (label, split))
    return replace(manifest, entries=kept)


def test_complete_manifest_passes(manifest: Manifest) -> None:
    """A manifest with images of every class in both splits gives no message."""
    lines: list[str] = []
    preflight.check_classes(manifest, lines.append)
    preflight.check_images(manifest)
    assert lines == []


def test_class_without_training_images_is_refused(manifest: Manifest) -> None:
    """The message names the class."""
    with pytest.raises(UserError, match="^no training images of monocyte: "):
        preflight.check_classes(without(manifest, "monocyte", "train"), print)


def test_class_without_validation_images_is_reported(manifest: Manifest) -> None:
    """One line names the class, and training continues."""
    lines: list[str] = []
    preflight.check_classes(without(manifest, "monocyte", "val"), lines.append)
    assert [line.partition(":")[0] for line in lines] == ["no validation images of monocyte"]


def test_single_class_is_refused(manifest: Manifest) -> None:
    """Training needs at least two classes."""
    with pytest.raises(UserError, match="has one class"):
        preflight.check_classes(replace(manifest, classes=manifest.classes[:1]), print)


def test_all_unreadable_images_are_named(manifest: Manifest) -> None:
    """An empty, a changed and a missing image of train and validation are named at once; test images are not read."""
    entries = list(manifest.entries)
    empty, changed, missing = manifest.split("train")[0], manifest.split("train")[5], manifest.split("val")[2]
    manifest.file(empty).write_bytes(b"")
    entries[entries.index(empty)] = replace(empty, sha256=sha256(manifest.file(empty)))
    manifest.file(changed).write_bytes(b"other")
    manifest.file(missing).unlink()
    manifest.file(manifest.split("test")[0]).unlink()
    with pytest.raises(UserError) as caught:
        preflight.check_images(replace(manifest, entries=tuple(entries)))
    message = str(caught.value)
    assert message.startswith("3 of 30 images to train on cannot be read: ")
    assert all(entry.path in message for entry in (empty, changed, missing))
    assert "changed since the manifest was made" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("arch", "form", "size", "message"),
    [
        ("vgg16gap", "plain", (4, 112), r"model\.input: 4 x 112 pixels are too small .* to 32 or more"),
        ("vgg16flatten", "plain", (16, 16), r"model\.input: 16 x 16 pixels are too small .* to 32 or more"),
        ("edgenet", "bn", (3, 112), r"model\.input: 3 x 112 pixels are too small .* factor of 16: .* to 16 or more"),
        ("edgenet", "branches", (112, 15), r"model\.input: 112 x 15 pixels are too small"),
        ("efficientnet-lite0", "bn", (31, 32), r"model\.input: 31 x 32 pixels are too small .* to 32 or more"),
        ("edgenet", "bn", (16, 16), r"batch norm cannot normalize a batch of 1 image of 16 x 16 pixels"),
    ],
)
def test_unusable_input_size_is_one_line(arch: str, form: str, size: tuple[int, int], message: str) -> None:
    """An input that the network pools to nothing, or batch norm over one value, names the key to change."""
    kind = ARCHITECTURES[arch]
    spec = ModelSpec(arch, ("a", "b"), PixelSpec(*size), kind.channels, kind.head, form=form)
    with pytest.raises(UserError, match=message) as caught:
        preflight.check_network(spec, 1)
    assert "\n" not in str(caught.value)


def test_usable_input_sizes_pass() -> None:
    """Batches of one image pass where batch norm has several values, and any batch without batch norm."""
    for arch, form in (("vgg16gap", "plain"), ("edgenet", "bn"), ("efficientnet-lite0", "bn")):
        kind = ARCHITECTURES[arch]
        spec = ModelSpec(arch, ("a", "b"), PixelSpec(64, 64), kind.channels, kind.head, form=form)
        preflight.check_network(spec, 1)

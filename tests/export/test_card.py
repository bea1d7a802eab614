"""Tests of edgewbc.export.card."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.export.card import card
from edgewbc.pixels import PixelSpec, Reference

ROW = {
    "precision": "int8",
    "backend": "onnx",
    "sha256": "ab" * 32,
    "protocol": "published",
    "split": "val",
    "n": 1030,
    "correct": 1023,
    "accuracy": 1023 / 1030,
    "interval": [0.986, 0.9967],
}


def values(**changes: Any) -> dict[str, Any]:
    """Return the values of a bundle's manifest.json."""
    return {
        "format": 1,
        "name": "wbc5",
        "edgewbc": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "arch": "vgg16gap",
        "channels": [64, "M", 128],
        "head_widths": [100, 100],
        "parameters": 14_776_593,
        "macs": 3_840_000_000,
        "classes": ["neutrophil", "lymphocyte"],
        "pixels": PixelSpec(112, 112, "centre", 250).to_dict(),
        "files": {"int8": {"openvino": ["a.xml", "a.bin"], "onnx": ["a.onnx"]}},
        "default_precision": "int8",
        "outputs": {"probabilities": 2, "features": 128, "map": [128, 56, 56]},
        "head": "head.npz",
        "golden": {"expected": "golden/expected.json", "tolerance": {"int8": 0.05}},
        "review_below": 0.8125,
        "review": {"n": 1030, "accepted": 981, "wrong": 2},
        "data": {
            "source": "pbc",
            "protocol": "published",
            "manifest_sha256": "cd" * 32,
            "training_manifest_sha256": "cd" * 32,
            "counts": {"val": {"neutrophil": 500, "lymphocyte": 530}},
            "citation": "Acevedo et al. 2020",
            "license": "CC BY 4.0",
        },
        "evidence": [ROW],
        "parity": {
            "f32": [],
            "int8": {
                "onnx": {
                    "drop": 0.00194,
                    "agreement": 0.998,
                    "largest_difference": 0.31,
                    "mcnemar": {"b": 3, "c": 1, "p": 0.625},
                }
            },
        },
        "lineage": {
            "step": "quantize",
            "ancestors": [{"step": "train", "recipe": {"weights": "imagenet"}}, {"step": "prune"}],
        },
        **changes,
    }


def text_of(**changes: Any) -> str:
    """Return the card of a bundle whose manifest has these values."""
    return card(BundleManifest.from_json(values(**changes)))


@pytest.mark.parametrize(
    "line",
    [
        "# wbc5",
        "with 2 classes: neutrophil, lymphocyte.",
        "14,776,593 parameters, 3,840.0 million multiply-adds",
        "(train -> prune -> quantize)",
        "It is not a medical device",
        "The figures in this card hold for images like those that they were measured on.",
        "below 0.8125 should be looked at by a person: 981 of the 1030 validation images (protocol published) are ",
        "- Citation: Acevedo et al. 2020",
        "- License of the images: CC BY 4.0",
        "| val | 500 | 530 |",
        "| ONNX int8 | published val | 1030 | 1023 | 99.32 % | 98.60-99.67 % | `abababababababab` |",
        "ONNX int8 against f32: 0.19 points of accuracy lost, same label for 99.80 % of the images",
        "McNemar 3 : 1 (p = 0.625)",
        "Take the central 250 x 250 pixels (all of a smaller image), resize it to 112 x 112",
        "sha256sum -c SHA256SUMS",
        "The weights: not stated. The images they were trained on: CC BY 4.0; this bundle contains none of them.",
        "Oxford VGG, CC BY 4.0",
    ],
)
def test_card_says(line: str) -> None:
    """The card states network, intended use, data, licenses, accuracy with its interval, input, and how to check it."""
    assert line in text_of()


def test_synthetic_images_are_named_as_such() -> None:
    """Figures on images that the toolkit drew are not presented as figures on cells."""
    data = {**values()["data"], "source": "synthetic"}
    assert "The toolkit drew these images itself" in text_of(data=data)
    assert "The toolkit drew these images itself" not in text_of()


def test_the_oldest_runtimes_tried_are_quoted_from_the_manifest() -> None:
    tried = {
        "model": "m",
        "n": 10,
        "tried": "2026-01-02",
        "oldest": {"OpenVINO": {"version": "1"}, "X": {"version": "2"}},
    }
    line = "- Oldest runtimes tried, with m (int8, 10 images, 2026-01-02): OpenVINO 1 and X 2"
    assert line in text_of(runtimes_tried=tried).splitlines()
    assert "Oldest runtimes" not in text_of()


def test_another_manifest_is_reported() -> None:
    """A card says if the accuracy was measured on another manifest than that of the training."""
    data = {**values()["data"], "training_manifest_sha256": "ef" * 32}
    assert "This is not the manifest that the network was trained on (" + "ef" * 32 in text_of(data=data)
    assert "This is not the manifest" not in text_of()


def test_without_a_manifest_nothing_is_claimed() -> None:
    """Without data the card states no accuracy, no effect of the threshold, and no license of images."""
    text = text_of(data={}, evidence=[], review=None, parity={"f32": []}, lineage={})
    assert "exported without a manifest" in text
    assert "Not measured." in text
    assert "was not chosen on any images" in text
    assert "are at or above" not in text
    assert text.rstrip().endswith("The weights: not stated.")


REFERENCE = Reference(78.0, (254.0, 227.0, 202.0), (1.1, 1.8, 0.4))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (PixelSpec(64, 96), "Take the whole image, resize it to 64 x 96"),
        (PixelSpec(64, 64, "box", scale=1.3), "a square of 1.3 times the longer side of the cell's bounding box"),
        (
            PixelSpec(64, 64, "cell", size=225, reference=REFERENCE),
            "a square around the nucleus of the white cell, of 225",
        ),
    ],
)
def test_each_crop_is_described(spec: PixelSpec, words: str) -> None:
    """The input is described for each crop rule."""
    assert words in text_of(pixels=spec.to_dict())


def test_a_cpu_without_vnni_is_reported_if_it_was_simulated() -> None:
    """Agreement and counts of both are stated; nothing if the instruction sets are the same or were not compared."""
    found = {
        "n": 1030,
        "native": {"isa": "large", "correct": 1022},
        "avx2": {"isa": "small", "correct": 1012},
        "same_isa": False,
        "agreement": 0.9883,
        "largest_difference": 0.925,
    }
    text = text_of(lineage={"isa": found})
    assert "on a CPU without VNNI (small, simulated) against large: same label for 98.83 % of 1030" in text
    assert "1012 and 1022 of them correct, largest difference in a probability 0.925." in text
    for lineage in ({}, {"isa": {**found, "same_isa": True}}):
        assert "VNNI" not in text_of(lineage=lineage)


def test_the_card_says_which_views_the_label_is_taken_from() -> None:
    """All of them: in how the accuracy was measured, and in what another program must do; nothing for the upright one.

    The comparison of CPUs, which `quantize` makes, is of the upright view.
    """
    pixels = PixelSpec(64, 64, "cell", size=225, reference=REFERENCE).to_dict()
    isa = {"n": 9, "native": {"isa": "large", "correct": 8}, "avx2": {"isa": "small", "correct": 7}, "same_isa": False,
           "agreement": 0.9, "largest_difference": 0.5}  # fmt: skip
    entries = {"pixels": pixels, "views": {"turns": 4, "scales": [0.85, 1.17]}, "lineage": {"isa": isa}}
    text = text_of(**entries, label_from="mean")
    assert "The label of a cell is that of the mean of its 6 views.\n" in text
    assert (
        "A cell is looked at in 6 views, upright and turned by quarters, and cut out with 0.85 and 1.17 times the side;"
        " its probabilities are the arithmetic mean of those of the views, calibrated after the mean is taken."
    ) in text
    assert "7 and 8 of them correct by their upright view, largest" in text
    half = text_of(**{**entries, "views": {"turns": 2, "scales": []}}, label_from="mean")
    assert "A cell is looked at in 2 views, upright and turned by half; its probabilities" in half
    for older in (text_of(**entries), text_of()):
        assert "mean" not in older


def test_nothing_is_claimed_that_was_not_measured_on_this_file() -> None:
    """A user's own bundle inherits neither figures from other networks nor the license of the toolkit."""
    text = text_of()
    assert [line for line in text.splitlines() if "%" in line] == [
        line for line in text.splitlines() if "abababab" in line or "int8 against f32" in line or "95 %" in line
    ]
    assert "Apache" not in text
    for lab in ("Raabin", "JTSC", "BCCD"):
        assert lab not in text


def test_the_license_of_the_weights_is_the_users() -> None:
    """The license that was given on export is stated."""
    assert "The weights: CC-BY-NC-4.0." in text_of(weights_license="CC-BY-NC-4.0")


def test_calibration_error_is_stated_with_the_accuracy() -> None:
    """Below the table of accuracy, a large calibration error is a warning; a small one is stated if it was measured."""
    warning = "**The probabilities are not to be trusted**: their calibration error is 0.245"
    poor = text_of(evidence=[{**ROW, "calibration_error": 0.01}, {**ROW, "calibration_error": 0.245}])
    assert warning in poor[poor.index("## Accuracy") :].split("\n## ")[0]
    good = text_of(evidence=[{**ROW, "calibration_error": 0.05}])
    assert "Calibration error of the probabilities: 0.050" in good
    assert "not to be trusted" not in good
    assert "alibration error" not in text_of(evidence=[ROW])


def test_an_older_manifest_gives_the_same_card() -> None:
    """The license of the images was called `licence` until 0.1."""
    data = dict(values()["data"])
    data["licence"] = data.pop("license")
    assert text_of(data=data) == text_of()
    assert "CC BY 4.0" in text_of()


def test_cells_of_other_kinds_are_none_of_the_classes() -> None:
    """With eight classes, an immature granulocyte is one of them."""
    from edgewbc import cells
    from edgewbc.export.card import _others

    assert _others(cells.CLASSES) == "an immature granulocyte, a blast, a platelet clump or a smudge cell"
    assert _others(cells.CLASSES + cells.OTHER_CLASSES) == "a blast, a platelet clump or a smudge cell"

"""Tests of edgewbc.export.card."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.export.card import card
from edgewbc.pixels import PixelSpec

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


def manifest(**changes: Any) -> dict[str, Any]:
    """What export says of a bundle."""
    return {
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
            "licence": "CC BY 4.0",
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


@pytest.mark.parametrize(
    "line",
    [
        "# wbc5",
        "into 2 classes: neutrophil, lymphocyte.",
        "14,776,593 parameters, 3,840.0 million multiply-adds",
        "(train -> prune -> quantize)",
        "It is not a medical device",
        "| JTSC (Jiangxi Tecom) | 22-30 % |",
        "below 0.8125 should be looked at by a person: 981 of the 1030 validation pictures (protocol published) are ",
        "- Citation: Acevedo et al. 2020",
        "- Licence of the pictures: CC BY 4.0",
        "| val | 500 | 530 |",
        "| ONNX int8 | published val | 1030 | 1023 | 99.32 % | 98.60-99.67 % | `abababababababab` |",
        "ONNX int8 against f32: 0.19 points of accuracy lost, same label on 99.80 % of the pictures",
        "McNemar 3 : 1 (p = 0.625)",
        "Take the central 250 x 250 pixels (all of a smaller picture), resize it to 112 x 112",
        "sha256sum -c SHA256SUMS",
        "The weights: Apache-2.0. The pictures they were fitted to are under CC BY 4.0",
        "Oxford VGG, CC BY 4.0",
    ],
)
def test_card_says(line: str) -> None:
    """What it is, what it is not, data, licence, protocol, evidence with intervals, input, how to check it."""
    assert line in card(manifest())


def test_synthetic_pictures_are_called_so() -> None:
    """Figures on drawn pictures are not passed off as figures on cells."""
    data = {**manifest()["data"], "source": "synthetic"}
    assert "drawn by the toolkit" in card(manifest(data=data))
    assert "drawn by the toolkit" not in card(manifest())


def test_another_manifest_is_told() -> None:
    """Evidence on another manifest than that of the training says so."""
    data = {**manifest()["data"], "training_manifest_sha256": "ef" * 32}
    assert "Another manifest than the network was trained on (" + "ef" * 32 in card(manifest(data=data))
    assert "Another manifest" not in card(manifest())


def test_without_a_manifest_nothing_is_claimed() -> None:
    """No data, no evidence, no promise about the threshold, no licence of pictures."""
    text = card(manifest(data={}, evidence=[], review=None, parity={"f32": []}, lineage={}))
    assert "exported without a manifest" in text
    assert "None was taken." in text
    assert "was not chosen on any pictures" in text
    assert "are at or above it" not in text
    assert text.rstrip().endswith("The weights: Apache-2.0.")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (PixelSpec(64, 96), "Take the whole picture, resize it to 64 x 96"),
        (PixelSpec(64, 64, "box", scale=1.3), "a square of 1.3 times the longer side of the cell's box"),
    ],
)
def test_each_crop_is_described(spec: PixelSpec, words: str) -> None:
    """The input is told for each crop rule."""
    assert words in card(manifest(pixels=spec.to_dict()))


def test_a_cpu_without_vnni_is_told_of_where_it_was_simulated() -> None:
    """Agreement and counts of both; nothing where both CPUs were one, or where none was asked."""
    found = {
        "n": 1030,
        "native": {"isa": "large", "correct": 1022},
        "avx2": {"isa": "small", "correct": 1012},
        "same_isa": False,
        "agreement": 0.9883,
        "largest_difference": 0.925,
    }
    text = card(manifest(lineage={"isa": found}))
    assert "on a CPU without VNNI (small, simulated) against large: same label on 98.83 % of 1030" in text
    assert "1012 and 1022 of them right, largest difference in a probability 0.925." in text
    for lineage in ({}, {"isa": {**found, "same_isa": True}}):
        assert "VNNI" not in card(manifest(lineage=lineage))

"""Tests of `edgewbc.data.sources`: what all sources share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.data.manifest import Manifest, Protocol
from edgewbc.data.sources import SOURCES, make, protocol_of
from edgewbc.errors import UserError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"source": "imagenet"},
            "source 'imagenet': use one of folder, yolo, voc, coco, table, pbc, bccd, kaggle-bccd, jtsc, synthetic, "
            "augmented",
        ),
        ({"protocol": "published"}, "protocol published needs folders train above the images"),
        ({"protocol": "published8"}, "source folder has grouped, published, official, poster, external"),
        ({"classes": [" "]}, "--classes is empty"),
        ({"splits": (0.5, 0.5, 0.5)}, "add up to 1"),
        (
            {"source": "synthetic", "group_pattern": "(a)"},
            "--group-pattern is only for the sources folder, yolo, voc, coco",
        ),
    ],
)
def test_make_refuses_wrong_options(slides: Path, change: dict[str, object], message: str) -> None:
    """An unknown source or an option that does not fit is an error of one line."""
    options: dict[str, object] = {"source": "folder", "folder": slides, **change}
    call: Callable[..., Manifest] = make
    with pytest.raises(UserError, match=message):
        call(options.pop("source"), options.pop("folder"), **options)


def test_every_source_has_a_default_protocol() -> None:
    """The default is the first protocol: the published split if there is one, else one that keeps groups together."""
    assert {name: protocols[0] for name, protocols in SOURCES.items()} == {
        "folder": "grouped",
        "table": "grouped",
        "yolo": "grouped",
        "voc": "grouped",
        "coco": "grouped",
        "pbc": "published",
        "bccd": "grouped",
        "kaggle-bccd": "official",
        "jtsc": "external",
        "synthetic": "grouped",
        "augmented": "grouped",
        "cases": "grouped",
    }


def test_every_protocol_is_known() -> None:
    """Sources offer only protocols that `splits` explains; the error for any other names it."""
    assert {protocol for protocols in SOURCES.values() for protocol in protocols} == set(Protocol) - {Protocol.JOINED}
    assert protocol_of("bccd") == "grouped"
    assert protocol_of("bccd", "poster") == "poster"
    with pytest.raises(UserError, match="protocol 'official': source bccd has grouped, poster"):
        protocol_of("bccd", "official")

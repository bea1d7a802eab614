"""Golden samples of a page: what a browser must reproduce before it classifies (`web/golden.js`).

A page meets browsers that nobody tried. Some change the pixels that a script reads from a canvas, as a protection
against tracking, and another version of a browser may compute other sums. As on a microscope PC
(`runtime.golden_proof`), a model that does not reproduce its bundle's golden samples is not used.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.runtime.predictor import Backend
from edgewbc.runtime.selftest import GoldenSamples


@dataclass(frozen=True)
class PageSample:
    """A golden sample.

    Attributes:
        png: the prepared image as a PNG file.
        crc: CRC-32 of its pixels, uint8 RGB row by row.
        probabilities: expected of ONNX Runtime, one per class.
    """

    png: bytes
    crc: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class PageGolden:
    """The golden samples of a page.

    Attributes:
        tolerance: largest difference of a probability.
        samples: the first of the bundle's.
    """

    tolerance: float
    samples: tuple[PageSample, ...]

    @classmethod
    def of_bundle(cls, bundle: Bundle, precision: str) -> PageGolden | None:
        """Return the first golden samples, as many as there are classes; None for a bundle without any.

        Args:
            bundle: that the page is made of.
            precision: of its ONNX model.

        Raises:
            UserError: the samples cannot be read, or nothing is expected of this precision.
        """
        if not bundle.manifest.tolerance and not bundle.manifest.onnx_tolerance:
            return None
        golden = GoldenSamples.from_bundle(bundle)
        try:
            (tolerance, _), expected = golden.expected(Backend.ONNX, precision)
        except KeyError:
            raise UserError(
                f"{bundle.path}: does not say what is expected of {precision}: export the run again"
            ) from None
        first = list(zip(golden.images, expected, strict=True))[: len(bundle.classes)]
        return cls(
            tolerance,
            tuple(PageSample(encode(image, ".png"), zlib.crc32(image), one.probabilities) for image, one in first),
        )

    @property
    def files(self) -> bytes:
        """The PNG files, one after the other."""
        return b"".join(sample.png for sample in self.samples)

    def to_json(self) -> dict[str, Any]:
        """Return what the page knows of the samples, as JSON values: all but the files."""
        samples = [
            {"size": len(one.png), "crc": one.crc, "probabilities": list(one.probabilities)} for one in self.samples
        ]
        return {"tolerance": self.tolerance, "samples": samples}

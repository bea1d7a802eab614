"""Decoding: upright RGB pixels, notes on odd kinds, and one exception for everything else."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.images.decode import ImageError, decode
from tests.lab import samples
from tests.lab.samples import PLAIN
from tests.tiny import encode, make_image

GRAY = ("grayscale: the stain's colors are missing",)
CLEAR = ("partly transparent: shown on white",)
DEEP = ("16 bits per channel: scaled to 8",)
EMPTY = ("possibly truncated: part of the JPEG is missing or empty",)
MANY = ("animated or with several pages: only the first is used",)
TURNS = {
    1: PLAIN,
    2: PLAIN[:, ::-1],
    3: PLAIN[::-1, ::-1],
    4: PLAIN[::-1],
    5: PLAIN.transpose(1, 0, 2),
    6: np.rot90(PLAIN, -1),
    7: PLAIN.transpose(1, 0, 2)[::-1, ::-1],
    8: np.rot90(PLAIN),
}


@pytest.mark.parametrize("kind", samples.LOSSLESS)
def test_lossless_kinds_keep_every_pixel(kind: str) -> None:
    """PNG, BMP, TIFF and WebP give back the pixels in RGB order, without a note."""
    found = decode(samples.LOSSLESS[kind])
    assert found.image.dtype == np.uint8
    np.testing.assert_array_equal(found.image, PLAIN)
    assert found.notes == ()


@pytest.mark.parametrize("kind", ["jpg", "progressive", "gif", "lossy webp"])
def test_lossy_kinds_are_close(kind: str) -> None:
    """JPEG, GIF and lossy WebP come close, in RGB order, without a note."""
    found = decode(samples.VALID[kind])
    assert found.image.shape == PLAIN.shape
    assert np.abs(found.image.astype(int) - PLAIN).mean() < 20  # OpenCV's GIF encoder is coarse
    assert found.notes == ()


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied(orientation: int) -> None:
    """A camera's rotation is undone for JPEG, PNG, TIFF and WebP, with and without alpha, and needs no review."""
    want = TURNS[orientation]
    block = samples.exif(orientation)
    clear = encode(samples.with_alpha(255), ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101])
    turned = {
        "png": samples.png_with(samples.LOSSLESS["png"], b"eXIf", block),
        "rgba png": samples.png_with(encode(samples.with_alpha(255)), b"eXIf", block),
        "tiff": samples.tiff(PLAIN, 2, orientation),
        "webp": samples.webp_with_exif(samples.LOSSLESS["webp"], orientation),
        "rgba webp": samples.webp_with_exif(clear, orientation),
    }
    for name, data in turned.items():
        found = decode(data)
        np.testing.assert_array_equal(found.image, want, err_msg=name)
        assert found.notes == (), name
    jpeg = decode(samples.jpeg_with_exif(encode(PLAIN, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 100]), orientation))
    assert jpeg.image.shape == want.shape
    assert np.abs(jpeg.image.astype(int) - want).mean() < 6
    assert jpeg.notes == ()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff"])
def test_greyscale_is_noted(suffix: str) -> None:
    """One channel (or, in a BMP, a palette of grays) becomes three equal ones, with a note."""
    found = decode(encode(PLAIN[..., 1], suffix))
    assert found.image.shape == PLAIN.shape
    assert np.ptp(found.image, axis=2).max() == 0
    assert np.abs(found.image[..., 0].astype(int) - PLAIN[..., 1]).max() <= 4
    assert found.notes == GRAY


def test_equal_channels_are_not_called_greyscale() -> None:
    """A file with three channels is a color image, whatever its pixels."""
    assert decode(encode(np.repeat(PLAIN[..., :1], 3, axis=2))).notes == ()


def test_palette_needs_no_note_unless_it_is_grey() -> None:
    """A palette decodes to its colors; a palette of grays is grayscale."""
    rows = [bytes([0, 1]), bytes([1, 0])]
    colors = decode(samples.png(rows, 2, 8, 3, samples.chunk(b"PLTE", bytes([250, 10, 20, 30, 40, 50]))))
    np.testing.assert_array_equal(colors.image[0], [[250, 10, 20], [30, 40, 50]])
    assert colors.notes == ()
    assert decode(samples.png(rows, 2, 8, 3, samples.chunk(b"PLTE", bytes([9, 9, 9, 70, 70, 70])))).notes == GRAY


def test_cmyk_is_noted() -> None:
    """CMYK decodes as JPEG and as TIFF, with a note."""
    jpeg = decode(samples.CMYK_JPEG)
    assert jpeg.image.shape == (8, 8, 3)
    assert np.abs(jpeg.image[0, 0].astype(int) - [246, 53, 209]).max() <= 6
    flat = decode(samples.tiff(np.full((4, 6, 4), (0, 200, 40, 10), np.uint8), 5))
    assert np.abs(flat.image[0, 0].astype(int) - [246, 53, 207]).max() <= 6
    for found in (jpeg, flat):
        assert found.notes == ("CMYK: the stain's colors are only approximate",)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bits_are_scaled_by_257(suffix: str) -> None:
    """65535 becomes 255 and 128 * 257 + 100 becomes 128: scaled and rounded, not clipped."""
    deep = PLAIN.astype(np.uint16) * 257
    deep[0, 0] = (65535, 128 * 257 + 100, 128 * 257 - 100)
    found = decode(encode(deep, suffix))
    assert found.image[0, 0].tolist() == [255, 128, 128]
    np.testing.assert_array_equal(found.image[1:], PLAIN[1:])
    assert found.notes == DEEP


def test_16_bits_of_grey_has_both_notes() -> None:
    """A 16-bit grayscale image has a note for each of the two."""
    found = decode(encode(PLAIN[..., 0].astype(np.uint16) * 257))
    np.testing.assert_array_equal(found.image[..., 2], PLAIN[..., 0])
    assert found.notes == GRAY + DEEP


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".webp"])
def test_transparency_is_shown_on_white(suffix: str) -> None:
    """Alpha of 0 is white, of 100 a mixture; an opaque alpha channel changes nothing and needs no note."""

    def written(alpha: int) -> bytes:
        pixels = samples.with_alpha(alpha)
        if suffix == ".tiff":  # OpenCV's own do not say that the fourth channel is alpha
            return samples.tiff(pixels, 2)
        return encode(pixels, suffix, [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])

    clear = decode(written(0))
    assert (clear.image[:8] == 255).all()
    np.testing.assert_array_equal(clear.image[8:], PLAIN[8:])
    assert clear.notes == CLEAR
    half = decode(written(100))
    want = (PLAIN[:8] * 100.0 + 255 * 155) / 255
    assert np.abs(half.image[:8] - want).max() <= 1.5
    opaque = decode(written(255))
    np.testing.assert_array_equal(opaque.image, PLAIN)
    assert opaque.notes == ()


def test_16_bits_with_alpha() -> None:
    """Transparency and 16 bits go together."""
    found = decode(encode(samples.with_alpha(0).astype(np.uint16) * 257))
    np.testing.assert_array_equal(found.image[8:], PLAIN[8:])
    assert (found.image[:8] == 255).all()
    assert found.notes == DEEP + CLEAR


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_frame_is_read(suffix: str) -> None:
    """The first of two frames, and a note."""
    found = decode(samples.animation(suffix))
    assert np.abs(found.image.astype(int) - PLAIN).mean() < 20  # OpenCV's GIF encoder is coarse
    assert found.notes == MANY


def test_of_several_pages_the_first_is_read() -> None:
    """The first of two pages of a TIFF, and a note."""
    found = decode(samples.pages())
    np.testing.assert_array_equal(found.image, PLAIN)
    assert found.notes == MANY


def test_a_damaged_animation_does_not_crash() -> None:
    """A damaged frame next to a PNG's default image made OpenCV crash: it gets the default image as a plain PNG."""
    rows = [b"".join(bytes([kind]) + bytes(60) for _ in range(24)) for kind in (0, 9)]  # there is no filter 9
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 20, 24, 8, 2, 0, 0, 0)),
        (b"acTL", struct.pack(">II", 2, 0)),
        (b"IDAT", zlib.compress(rows[0])),
        (b"fcTL", struct.pack(">IIIIIHHBB", 1, 20, 24, 0, 0, 1, 1, 0, 0)),
        (b"fdAT", struct.pack(">I", 2) + zlib.compress(rows[1])),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(samples.chunk(*part) for part in parts)
    code = "import sys; from edgewbc.images.decode import decode; print(decode(sys.stdin.buffer.read()).image.shape)"
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done
    assert done.stdout == b"(24, 20, 3)\n"


DEPTHS = [(8, ()), (16, DEEP)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("compression", "predictor"), [(1, 1), (5, 1), (5, 2), (8, 1), (8, 2)])
def test_tiffs_of_every_layout_keep_every_pixel(order: str, big: bool, compression: int, predictor: int) -> None:
    """Either byte order, BigTIFF, LZW, deflate, predictor, strips, tiles, 8 and 16 bits, and 8 bits plane by plane."""
    pixels = make_image(2, 72, 80)
    how: dict[str, Any] = {"order": order, "big": big, "compression": compression, "predictor": predictor}
    for layout in ({"rows": 16}, {"tile": (32, 64)}):
        for bits, notes in DEPTHS:
            stored = pixels if bits == 8 else pixels.astype(np.uint16) * 257
            for planar in (1, 2) if bits == 8 else (1,):
                found = decode(samples.tiff_like(stored, planar=planar, **how, **layout))
                np.testing.assert_array_equal(found.image, pixels, err_msg=f"{layout} {bits} {planar}")
                assert found.notes == notes
            inverse = np.invert(stored[..., 1])
            for photometric, gray in ((1, stored[..., 1]), (0, inverse)):
                found = decode(samples.tiff_like(gray, photometric, **how, **layout))
                np.testing.assert_array_equal(found.image, np.repeat(pixels[..., 1:2], 3, axis=2))
                assert found.notes == GRAY + notes


def test_jpeg_in_tiff_and_palettes() -> None:
    """JPEG strips of YCbCr decode to similar colors, a palette to exactly its colors."""
    pixels = make_image(2, 64, 48)
    found = decode(samples.tiff_like(pixels, 6, compression=7, rows=16, tags={530: [2, 2]}))
    assert np.abs(found.image.astype(int) - pixels).mean() < 3
    assert found.notes == ()
    colors = np.random.default_rng(0).integers(0, 256, (3, 256))
    indices = pixels[..., 0]
    found = decode(samples.tiff_like(indices, 3, tags={320: (colors * 257).ravel().tolist()}))
    np.testing.assert_array_equal(found.image, colors.T[indices])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extra", [1, 2])
def test_alpha_of_tiffs_multiplied_or_not(bits: int, extra: int) -> None:
    """Colors that were multiplied by alpha (1) and those that were not (2) give the same image on white."""
    alpha = np.full((*PLAIN.shape[:2], 1), 100, np.uint8)
    colors = np.rint(PLAIN * (100 / 255)).astype(np.uint8) if extra == 1 else PLAIN
    pixels = np.dstack([colors, alpha])
    found = decode(samples.tiff_like(pixels if bits == 8 else pixels.astype(np.uint16) * 257, tags={338: [extra]}))
    assert np.abs(found.image - (PLAIN * 100.0 + 255 * 155) / 255).max() <= 1.6
    assert found.notes[-1:] == CLEAR


TWO = np.dstack([PLAIN[..., 0], PLAIN[..., 1]])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            samples.tiff_like(PLAIN.astype(np.uint16), planar=2, rows=8),
            "a TIFF with 16 bits in RGB with separate planes",
        ),
        (samples.tiff_like(np.dstack([TWO, TWO]).astype(np.uint16), 5), "a TIFF with 16 bits in CMYK"),
        (samples.tiff_like(TWO, 1, tags={338: [2]}), "a TIFF with 2 channels in grayscale"),
        (samples.tiff_like(np.dstack([PLAIN, TWO]), tags={338: [0, 0]}), "a TIFF with 5 channels in RGB"),
        (samples.tiff_like(PLAIN, 8), r"a TIFF in CIE L\*a\*b\*"),
        (samples.tiff_like(PLAIN, tags={259: [50000]}), "a TIFF with compression 50000"),
        (samples.tiff_like(PLAIN, tags={339: [2, 2, 2]}), "a TIFF with samples other"),
        (samples.tiff_like(PLAIN, tags={258: [8, 8, 16]}), "a TIFF with samples other"),
    ],
)
def test_tiffs_that_opencv_reads_wrong_are_refused(data: bytes, reason: str) -> None:
    """What comes out as other pixels, or as what was in memory, is refused and says what would do."""
    with pytest.raises(ImageError, match=f"^{reason}.* is not supported$"):
        decode(data)


def _chained(directories: int) -> bytes:
    """A TIFF whose directories follow each other; the last leads back to the first."""
    data = bytearray(samples.tiff_like(PLAIN))
    link = 10 + 12 * struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, link, len(data) if directories else 8)
    for left in range(directories, 0, -1):
        data += struct.pack("<HHHII", 1, 256, 4, 1, 20) + struct.pack("<I", len(data) + 18 if left > 1 else 8)
    return bytes(data)


@pytest.mark.parametrize("directories", [0, 1, 20_000])
def test_pages_are_not_looked_up(directories: int) -> None:
    """Pages in a circle, or by the thousand, cost nothing: the first is read."""
    found = decode(_chained(directories))
    np.testing.assert_array_equal(found.image, PLAIN)
    assert found.notes == MANY


def test_a_jpeg_cut_in_its_scan_is_marked() -> None:
    """A JPEG whose last part is missing, except for the end marker, decodes to gray there, with a note."""
    pixels = make_image(3, 96, 80)
    for options in ([], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]):
        data = encode(pixels, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95, *options])
        assert decode(data).notes == ()
        scan = data.index(b"\xff\xda") + 14
        cut = data[: scan + (len(data) - scan) // 2].rstrip(b"\xff") + b"\xff\xd9"
        found = decode(cut)
        assert found.image.shape == pixels.shape
        assert (found.image[-8:, -8:] == 128).all()
        assert found.notes == EMPTY
        assert decode(samples.jpeg_with_exif(cut, 6)).notes == EMPTY


@pytest.mark.parametrize(
    "data",
    [
        samples.tiff_like(PLAIN, compression=8, tags={256: [9000], 257: [9000]}),
        samples.tiff_like(PLAIN, compression=8, tile=(16, 16), tags={322: [16000], 323: [16000]}),
        samples.tiff_like(PLAIN, compression=8, tags={278: [1 << 24]}),
        b"GIF89a" + struct.pack("<HHBBB", 9000, 9000, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\1\0\0;",
        b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 1078, 40, 9000, -9000, 1, 8, 1) + bytes(1044) + b"\0\1",
        b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, 60000, -2147483648, 1, 24, 0) + bytes(24),
        samples.png([b"\0"], 60_000, 16, 6),
        b"RIFF" + struct.pack("<I4s4sIB3xHBHB", 22, b"WEBP", b"VP8X", 10, 0, 0xFFFF, 0xFF, 0xFFFF, 0xFF),
    ],
)
def test_files_that_promise_more_than_they_hold_are_refused_at_once(data: bytes) -> None:
    """A few bytes that ask for much memory or time, in every format, are refused before anything is decoded."""
    began = time.process_time()
    with pytest.raises(ImageError, match="too large|truncated or damaged"):
        decode(data)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("kind", sorted(set(samples.VALID) - {"two pages"}))
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_cut_file_is_refused(kind: str, part: float) -> None:
    """A truncated file is refused in every format: nothing is silently filled with gray."""
    data = samples.VALID[kind]
    with pytest.raises(ImageError, match="truncated or damaged"):
        decode(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"hello, world", "not an image"),
        (b"RIFF\x04\0\0\0WAVE", "not an image"),
        (b"%PDF-1.7 " + bytes(100), "not an image"),
        (b"\0\0\0 ftypavif" + bytes(100), "not in a supported format"),
        (b"\xff\xd8\xff", "truncated or damaged"),
        (b"BM", "truncated or damaged"),
        (samples.gigapixel_png(), "too large: 40000 x 40000 pixels"),
        (b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, 50000, 50000, 1, 8, 1) + bytes(20), "too large"),
        (b"GIF89a" + struct.pack("<HHBBB", 60000, 60000, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\1\0\0;", "too large"),
        (samples.tiff(np.zeros((2, 2), np.float32), 1, sample=3), "samples other than unsigned integers"),
        (samples.tiff(np.zeros((2, 2), np.uint32), 1), "samples other than unsigned integers"),
        (samples.png([], 0, 8, 2), "truncated or damaged"),
    ],
)
def test_what_cannot_be_used_has_a_reason(data: bytes, reason: str) -> None:
    """Empty, foreign, cut, boundless and exotic files are refused with a reason of one line."""
    with pytest.raises(ImageError, match=reason) as caught:
        decode(data)
    assert "\n" not in str(caught.value)


def test_the_limit_is_the_callers() -> None:
    """An image may have exactly as many pixels as the limit allows."""
    data = samples.LOSSLESS["png"]
    assert decode(data, limit=480).image.shape == (24, 20, 3)
    with pytest.raises(ImageError, match="too large: 20 x 24 pixels; the limit is 479"):
        decode(data, limit=479)


def test_opencv_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """A refused image prints nothing to stdout or stderr."""
    for data in (b"junk", samples.tiff(np.zeros((2, 2), np.float32), 1, sample=3), samples.LOSSLESS["png"][:-30]):
        with pytest.raises(ImageError):
            decode(data)
    assert capfd.readouterr() == ("", "")


def _decodes_or_is_refused(data: bytes) -> None:
    try:
        found = decode(data, limit=200_000)
    except ImageError:
        return
    assert found.image.dtype == np.uint8
    assert found.image.ndim == 3
    assert found.image.shape[2] == 3
    assert 0 < found.image.size <= 600_000


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), start=st.sampled_from([b"", *(data[:12] for data in samples.VALID.values())]))
def test_any_bytes_decode_or_are_refused(data: bytes, start: bytes) -> None:
    """Any bytes give pixels or an ImageError, and nothing else."""
    _decodes_or_is_refused(start + data)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(sorted(samples.VALID)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    cut=st.floats(0, 1),
    head=st.booleans(),
)
def test_mangled_images_decode_or_are_refused(
    kind: str, flips: list[tuple[float, int]], cut: float, head: bool
) -> None:
    """Valid files with changed bytes (anywhere or in the header) or truncated give pixels or an ImageError."""
    data = bytearray(samples.VALID[kind])
    for place, value in flips:
        data[int(place * (min(len(data), 80) if head else len(data)))] = value
    _decodes_or_is_refused(bytes(data[: max(1, int(len(data) * cut))] if cut < 0.5 else data))


@pytest.mark.data
def test_real_images_are_plain(real_data: Path) -> None:
    """Some images of a real data set decode at their size without a note."""
    files = sorted((real_data / "pbc").rglob("*.jpg"))[::2500]
    assert files
    for file in files:
        found = decode(file.read_bytes())
        assert found.image.shape[2] == 3
        assert found.image.shape[0] > 300
        assert found.notes == ()

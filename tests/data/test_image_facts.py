"""Tests of `edgewbc.data.image_facts`. What an audit makes of the facts is tested in `test_audit`."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np

from edgewbc.data.image_facts import FactStore, FaultKind, ImageFacts, ImageToCheck, check
from tests.tiny import encode, make_image


def test_facts_of_images(tmp_path: Path) -> None:
    """A sound, a changed, a damaged and a missing image; the facts can be sent to another process."""
    data = encode(make_image(1))
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "b.png").write_bytes(b"no image")
    sha256 = hashlib.sha256(data).hexdigest()
    sound = check(ImageToCheck(0, tmp_path / "a.png", "a.png", sha256, near=True))
    assert (sound.digest.hex(), sound.faults, len(sound.thumbnail)) == (sha256, (), 48 * 48 * 3)
    assert sound.hash is not None
    changed = check(ImageToCheck(1, tmp_path / "a.png", "a.png", "0" * 64, near=False))
    assert [fault.kind for fault in changed.faults] == [FaultKind.CHANGED]
    assert changed.hash is None
    damaged = check(ImageToCheck(2, tmp_path / "b.png", "b.png", "0" * 64, near=True))
    assert [fault.kind for fault in damaged.faults] == [FaultKind.CHANGED, FaultKind.UNREADABLE]
    missing = check(ImageToCheck(3, tmp_path / "c.png", "c.png", "0" * 64, near=True))
    assert [fault.kind for fault in missing.faults] == [FaultKind.MISSING]
    assert pickle.loads(pickle.dumps(damaged)) == damaged  # noqa: S301


def test_a_store_takes_facts_in_any_order() -> None:
    """Copies are sets of numbers, also of hashes that end in zeros; images that were not read are in none."""
    thumbnails = [bytes([number]) * (48 * 48 * 3) for number in range(6)]
    digests = [b"a" * 31 + b"\0", b"b" * 32, b"", b"a" * 31 + b"\0", b"b" * 31 + b"\0", b""]
    with FactStore(6) as store:
        for number in (4, 0, 3, 5, 2, 1):
            hash_ = (1 << 63) + number if digests[number] and number != 4 else None
            store.add(ImageFacts(number, digests[number], hash=hash_, thumbnail=thumbnails[number] if hash_ else b""))
        assert store.copies() == [[0, 3]]
        numbers, hashes, kept = store.prints([3])
        assert numbers.tolist() == [0, 1]
        assert hashes.tolist() == [1 << 63, (1 << 63) + 1]
        assert np.all(kept[1] == 1)


def test_a_store_without_images() -> None:
    """Nothing to compare is no error."""
    with FactStore(0) as store:
        numbers, _, _ = store.prints([])
        assert (store.copies(), len(numbers)) == ([], 0)

"""Familiarity: what is told apart, the reasons, and the file that a bundle carries."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision import familiarity_fit
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.familiarity_info import FamiliarityInfo
from edgewbc.decision.others import Examples
from edgewbc.reasons import ReasonKind

Features = NDArray[np.float32]


def cells(n: int, width: int = 20, shift: float = 0.0, seed: int = 0) -> tuple[Features, NDArray[np.int64]]:
    """Return features of cells of three classes, not below zero as after a ReLU, and their classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    centers = np.random.default_rng(7).gamma(2, 3, (3, width))
    spreads = np.random.default_rng(8).gamma(2, 0.1, (3, width))
    values = centers[labels] + random.normal(0, 1, (n, width)) * spreads[labels] + shift
    return np.maximum(values, 0).astype(np.float32), labels


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    """Statistics of 20 features."""
    return familiarity_fit.fit(*cells(900), cells(400, seed=1)[0])


def others(n: int, seed: int = 0, kind: str = "blast") -> Examples:
    """Return cells that differ from those of one class in a few features, which the distance hardly sees."""
    features, labels = cells(3 * n, seed=seed)
    features = features[labels == 0]
    features[:, :4] += 0.15
    return Examples(features, np.full(len(features), kind))


@pytest.fixture(scope="module")
def shown(familiarity: Familiarity) -> Familiarity:
    """The statistics after examples of another kind."""
    return familiarity_fit.show_others(familiarity, *cells(900), cells(400, seed=1)[0], others(200))


def test_a_kind_that_was_shown_is_told_better(familiarity: Familiarity, shown: Familiarity) -> None:
    """Without more than one in a hundred more false alarms."""
    new = others(300, seed=11).features
    assert shown.unfamiliar(new).mean() > familiarity.unfamiliar(new).mean() + 0.2
    known = cells(4000, seed=2)[0]
    assert shown.unfamiliar(known).mean() < familiarity.unfamiliar(known).mean() + 0.02


def test_what_is_shown_never_makes_a_cell_familiar(familiarity: Familiarity, shown: Familiarity) -> None:
    """Distances and their threshold stay, and the score is not below the distance."""
    features = np.concatenate([cells(500, shift=shift, seed=12)[0] for shift in (0.0, 0.3, 0.6, 2.0)])
    np.testing.assert_array_equal(shown.distance(features), familiarity.distance(features))
    assert shown.threshold == familiarity.threshold
    assert (shown.score(features) >= shown.distance(features)).all()
    assert not (familiarity.unfamiliar(features) & ~shown.unfamiliar(features)).any()
    np.testing.assert_array_equal(familiarity.score(features), familiarity.distance(features))


def test_the_reason_says_which_threshold_it_was(shown: Familiarity) -> None:
    """A distance that is not too long, and a score that is too high, is the other kind."""
    new = others(300, seed=11).features
    texts = [reason.text for each in shown.scores(new) if (reason := shown.reason(*each)) is not None]
    assert len(texts) == shown.unfamiliar(new).sum()
    assert any(text.startswith("unlike the training cells: more like other kinds: score ") for text in texts)


def test_what_was_shown_is_read_back(familiarity: Familiarity, shown: Familiarity) -> None:
    """In format 2; without it, format 1 is written, which older versions read."""
    info = shown.info("f.npz")
    assert (info.to_json()["format"], info.others) == (2, {"blast": 200})
    assert familiarity.info("f.npz").to_json()["format"] == 1
    assert "others" not in familiarity.info("f.npz").to_json()
    again = Familiarity.from_bytes(shown.to_bytes(), FamiliarityInfo.from_json(info.to_json()))
    features = others(50, seed=9).features
    np.testing.assert_array_equal(again.score(features), shown.score(features))
    np.testing.assert_array_equal(again.unfamiliar(features), shown.unfamiliar(features))
    assert again.info("f.npz") == info
    assert again.to_bytes() == shown.to_bytes()
    for change in ({"score_threshold": None}, {"score_threshold": float("nan")}, {"others": {"a\nb": 1}},
                   {"others": {"blast": "many"}}, {"others": 3}):  # fmt: skip
        with pytest.raises(ValueError, match="familiarity"):
            FamiliarityInfo.from_json({**info.to_json(), **change})


def test_other_cells_are_told(familiarity: Familiarity) -> None:
    """Of cells like those of training about 1 % are unfamiliar, of others nearly all."""
    assert (familiarity.score(cells(4000, seed=2)[0]) > familiarity.threshold).mean() < 0.03
    assert (familiarity.score(cells(400, shift=1.5, seed=3)[0]) > familiarity.threshold).mean() > 0.95


def test_between_two_classes_is_unfamiliar(familiarity: Familiarity) -> None:
    """A cell halfway between two classes, which a network still gives a label, belongs to neither."""
    features, labels = cells(300, seed=4)
    between = (features[labels == 0] + features[labels == 1]) / 2
    assert (familiarity.score(between) > familiarity.threshold).mean() > 0.9


def test_each_class_has_a_spread_of_its_own() -> None:
    """What is usual for a class with a wide spread is not for one with a narrow spread."""
    random = np.random.default_rng(0)
    wide, narrow = random.normal(5, 1, (400, 4)), random.normal(20, 0.1, (400, 4))
    features = np.concatenate([wide, narrow]).astype(np.float32)
    found = familiarity_fit.fit(features, np.repeat([0, 1], 400), features[::2])
    scores = found.score(np.array([[6.5] * 4, [21.5] * 4], np.float32))
    assert scores[0] < found.threshold < scores[1]


def test_reason_is_in_words(familiarity: Familiarity) -> None:
    """A familiar cell has no reason; an unfamiliar one has its distance and the threshold."""
    far = np.full((1, 20), 30, np.float32)
    assert familiarity.reason(*familiarity.scores(cells(1, seed=5)[0])[0]) is None
    reason = familiarity.reason(*familiarity.scores(far)[0])
    assert reason is not None
    assert reason.kind is ReasonKind.UNFAMILIAR
    assert reason.text.endswith(f" is above {familiarity.threshold:.2f}")
    with pytest.raises(ValueError, match="the model gives 3 features, the statistics are of 20"):
        familiarity.scores(far[:, :3])


@pytest.mark.parametrize("value", [3e38, np.inf, np.nan])
def test_values_beyond_float32_are_unfamiliar(familiarity: Familiarity, shown: Familiarity, value: float) -> None:
    """Overflow makes a cell unfamiliar, never familiar, and changes nothing for the cells beside it."""
    features = cells(3, seed=5)[0]
    for statistics in (familiarity, shown):
        before = statistics.scores(features)
        after = statistics.scores(np.insert(features, 1, np.float32(value), axis=0))
        assert statistics.reason(*after[1])
        assert [after[0], *after[2:]] == before


def test_single_cells_score_as_in_a_batch(familiarity: Familiarity, shown: Familiarity) -> None:
    """The scores of a cell do not depend on its batch, to the last digit."""
    features = cells(30, seed=6)[0]
    for statistics in (familiarity, shown):
        assert statistics.scores(features) == [statistics.scores(each[None])[0] for each in features]


def test_the_residual_counts_where_more_is_dropped_than_kept() -> None:
    """A cell that differs only in directions without variance in training is told by its residual."""
    random = np.random.default_rng(0)
    basis = np.abs(random.normal(0, 1, (3, 60)))
    features = (5 + random.gamma(5, 0.3, (600, 3)) @ basis + random.normal(0, 0.01, (600, 60))).astype(np.float32)
    found = familiarity_fit.fit(features[:400], np.zeros(400, np.int64), features[400:], components=3)
    assert found.counts_residual
    other = features[:50] + random.normal(0, 0.3, (50, 60)).astype(np.float32)
    assert (found.score(other) > found.threshold).mean() > 0.9


def test_file_is_read_back(familiarity: Familiarity) -> None:
    """The scores from the file are those that the threshold was set on; the same arrays give the same bytes."""
    info, data = familiarity.info("familiarity.npz"), familiarity.to_bytes()
    again = Familiarity.from_bytes(data, FamiliarityInfo.from_json(info.to_json()))
    features = cells(50, seed=9)[0]
    np.testing.assert_array_equal(again.score(features), familiarity.score(features))
    assert again.info("familiarity.npz") == info
    assert again.to_bytes() == data
    with np.load(__import__("io").BytesIO(data), allow_pickle=False) as arrays:
        assert set(arrays) == {"center", "projection", "spread", "means", "whitening", "scale"}


def test_another_file_is_refused(familiarity: Familiarity) -> None:
    """A file that is damaged, or of other sizes than the manifest says, is not read."""
    info, data = familiarity.info("familiarity.npz"), familiarity.to_bytes()
    for wrong in (data[:-30], b"", b"PK" + data[2:50]):
        with pytest.raises(ValueError, match="."):
            Familiarity.from_bytes(wrong, info)
    other = FamiliarityInfo.from_json({**info.to_json(), "features": 21})
    with pytest.raises(ValueError, match="not floating-point|too large"):
        Familiarity.from_bytes(data, other)

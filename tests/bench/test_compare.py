"""edgewbc.bench.compare: two benchmarks, with their noise."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgewbc.bench.compare import change, compare
from edgewbc.errors import UserError
from edgewbc.report.terminal import render_comparison
from tests.bench.rows import TRUTH, result, row_json


def test_interval_is_welchs() -> None:
    """Of (1, 2, 4) and (2, 4, 8): a ratio of two; four degrees of freedom, t = 4.604, variance ln(2)^2 each."""
    found = change([1, 2, 4], [2, 4, 8])
    assert found.ratio == pytest.approx(2)
    reach = math.exp(4.604 * math.log(2) * math.sqrt(2 / 3))
    assert found.interval == pytest.approx((2 / reach, 2 * reach))
    assert change([1], [2, 2]).interval is None


def test_half_the_speed_is_a_regression_and_noise_is_none() -> None:
    """Halved is slower; 5 % slower within a spread of 10 % is the same; doubled is faster."""
    noisy = row_json("f32", (100, 110, 90))
    before = result(row_json(), noisy, row_json("bf16"))
    after = result(row_json(rates=(50, 51, 49)), row_json("f32", (95, 105, 86)), row_json("bf16", (200, 201, 199)))
    found = compare(before, after)
    assert [one.speed for one in found.rows] == ["slower", "same", "faster"]
    assert [one.regression for one in found.rows] == [True, False, False]
    assert found.rows[0].throughput is not None
    assert found.rows[0].throughput.ratio == pytest.approx(0.5, rel=0.01)
    assert found.regressions == [found.rows[0]]
    assert found.to_json()["regressions"] == 1
    assert found.warnings == ()
    assert "same within noise" in render_comparison(found)


def test_a_change_below_three_per_cent_is_none() -> None:
    """However steady the rounds are."""
    found = compare(result(row_json(rates=(100, 100, 100))), result(row_json(rates=(98, 98, 98))))
    assert found.rows[0].verdict == "same within noise"


def test_a_machine_that_was_slower_is_not_a_regression() -> None:
    """Rows and peak fall by half together; under another OpenVINO the peak is no yardstick."""
    before = result(row_json(), peak=(10, 10.1, 9.9))
    after = result(row_json(rates=(50, 50.5, 49.5)), peak=(5, 5.05, 4.95))
    found = compare(before, after)
    assert found.rows[0].speed == "same"
    assert found.unit == "of the CPU's f32 peak in the same round"
    after = replace(after, machine=replace(after.machine, versions={"openvino": "2"}))
    found = compare(before, after)
    assert found.rows[0].speed == "slower"
    assert found.warnings == ("versions: openvino 1 and 2",)


def test_predictions_are_compared_image_by_image() -> None:
    """One changed prediction is reported; ten more errors on 100 images are worse (p = 2 / 2^10), and a regression."""
    one, ten = "1" + TRUTH[1:], TRUTH[:80] + "10" * 5 + TRUTH[90:]
    found = compare(
        result(row_json(), row_json("f32"), row_json("bf16", predictions=ten)),
        result(row_json(predictions=one), row_json("f32", predictions=ten), row_json("bf16")),
    )
    first, second, third = found.rows
    assert (first.predictions, first.changed, first.p, first.regression) == ("changed", 1, 1.0, False)
    assert (second.predictions, second.changed, second.regression) == ("worse", 10, True)
    assert second.p == pytest.approx(2 / 2**10)
    assert second.verdict == "same within noise, worse predictions"
    assert third.predictions == "better"
    assert found.to_json()["rows"][1]["answers"] == "worse"


def test_what_differs_is_not_compared() -> None:
    """Speeds of another machine and predictions for other images are left out with a warning; here nothing is left."""
    machine, data = {"cpu": "B"}, {"manifest_sha256": "b"}
    slow = row_json(rates=(1, 1.01, 0.99))
    found = compare(result(row_json()), result(slow, machine=machine))
    assert found.rows[0].verdict == "speed not compared"
    assert found.warnings == ("machine: cpu A and B: speeds are not compared",)
    found = compare(result(row_json()), result(row_json(predictions="1" * 100), data=data))
    assert found.rows[0].verdict == "same within noise, predictions not compared"
    with pytest.raises(UserError, match="nothing can be compared: machine: cpu A and B"):
        compare(result(row_json()), result(row_json(), machine=machine, data=data))
    found = compare(
        result(row_json()), result(row_json(), protocol={"rounds": 5, "load_during": {"median": 0.5, "most": 0.5}})
    )
    assert found.warnings == (
        "protocol: rounds 3 and 5",
        "load: other programs used the machine during the second",
    )


def test_rows_that_come_and_go_and_fail() -> None:
    """A row that failed in the second is a regression; those of one side alone are named."""
    failed = {"model": "wbc", "backend": "openvino", "precision": "int8", "input": [16, 16], "error": "no memory"}
    found = compare(result(row_json(), row_json("f32")), result(failed, row_json("bf16")))
    assert (found.rows[0].verdict, found.rows[0].regression) == ("failed: no memory", True)
    assert (found.gone, found.new) == (("wbc/openvino/f32",), ("wbc/openvino/bf16",))


def test_single_rounds_say_nothing_of_speed() -> None:
    """Without a spread there is no verdict."""
    found = compare(result(row_json(rates=(100,))), result(row_json(rates=(50,))))
    assert found.rows[0].speed == "unknown"


def test_results_without_a_common_row_are_refused() -> None:
    """Two benchmarks without a common row."""
    with pytest.raises(UserError, match="no row in common"):
        compare(result(row_json()), result(row_json("f32")))

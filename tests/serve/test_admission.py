"""Tests of edgewbc.serve.admission: what is let in."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from edgewbc.serve.admission import Admission, busy
from edgewbc.serve.limits import Limits
from edgewbc.serve.problems import Problem

LIMITS = Limits(body=100, memory=150, queue=4)


def test_memory_and_queue_are_bounded_and_given_back() -> None:
    """A request is let in whole or refused, with the seconds after which it may come again."""
    admission = Admission(LIMITS)
    with ExitStack() as stack:
        stack.enter_context(admission.receive(100))
        with pytest.raises(Problem) as refused, admission.receive(51):
            pass
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        stack.enter_context(admission.receive(50))
        stack.enter_context(admission.classify(3, lambda images: 2.5 * images))
        with pytest.raises(Problem) as refused, admission.classify(2, lambda images: 2.5 * images):
            pass
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "8"})
        stack.enter_context(admission.classify(1, lambda images: 0.0))
        assert (admission.size, admission.images) == (150, 4)
    assert (admission.size, admission.images) == (0, 0)


def test_a_large_request_is_let_in_alone() -> None:
    """Otherwise one of more images than the queue has places could never be answered."""
    with Admission(LIMITS).classify(9, lambda _: 0.0):
        pass
    with pytest.raises(Problem) as refused, Admission(LIMITS).receive(101):
        pass
    assert refused.value.status == 413


def test_seconds_until_a_retry() -> None:
    """At least a second, at most a minute."""
    assert [busy(seconds).headers["Retry-After"] for seconds in (0.0, 1.2, 1e9)] == ["1", "2", "60"]

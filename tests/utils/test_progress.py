"""Tests of `edgewbc.utils.progress`."""

from edgewbc.utils.progress import quiet


def test_quiet_is_lazy() -> None:
    """No item is consumed before it is requested."""
    items = iter(range(3))
    going = iter(quiet(items, "counting", 3))
    assert next(going) == 0
    assert list(items) == [1, 2]

"""Progress that shows nothing."""

from edgewbc.utils.progress import quiet


def test_quiet_gives_the_items_as_they_come() -> None:
    """None is taken before it is asked for."""
    items = iter(range(3))
    going = iter(quiet(items, "counting", 3))
    assert next(going) == 0
    assert list(items) == [1, 2]

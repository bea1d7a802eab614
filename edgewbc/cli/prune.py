"""`edgewbc prune`."""


def command() -> None:
    """To be written."""

"""`edgewbc bench`."""


def command() -> None:
    """To be written."""

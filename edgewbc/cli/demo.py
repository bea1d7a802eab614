"""`edgewbc demo`."""


def command() -> None:
    """To be written."""

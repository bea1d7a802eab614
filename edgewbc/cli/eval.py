"""`edgewbc eval`."""


def command() -> None:
    """To be written."""

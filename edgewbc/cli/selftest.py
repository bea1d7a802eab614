"""`edgewbc selftest`."""


def command() -> None:
    """To be written."""

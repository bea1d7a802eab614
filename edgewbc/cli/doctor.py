"""`edgewbc doctor`."""


def command() -> None:
    """To be written."""

"""`edgewbc train`."""


def command() -> None:
    """To be written."""

"""`edgewbc classify`."""


def command() -> None:
    """To be written."""

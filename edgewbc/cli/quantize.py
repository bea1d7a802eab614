"""`edgewbc quantize`."""


def command() -> None:
    """To be written."""

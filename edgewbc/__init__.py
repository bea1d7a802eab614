"""edgewbc: train white-blood-cell classifiers, and run them offline on microscope PCs without a GPU."""

from __future__ import annotations

from edgewbc import _startup

_startup.leave_working_folder()
_startup.turn_off_telemetry()

from edgewbc._version import __version__  # noqa: E402

TYPE_CHECKING = False  # as in `typing`, which is not imported yet
if TYPE_CHECKING:
    from edgewbc.lab.classifier import Classifier as Classifier

__all__ = ["Classifier", "__version__"]


def __getattr__(name: str) -> type[Classifier]:
    """Import `Classifier` on first use, as it loads OpenCV."""
    if name != "Classifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edgewbc.lab.classifier import Classifier

    return Classifier

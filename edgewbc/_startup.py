"""What has to be done before anything else is imported: no modules from the working folder, and no telemetry.

Only modules that the interpreter has already loaded, or that are built into it, are imported here.
"""

import atexit
import gc
import os
import sys

ALLOCATIONS = 10_000
"""Objects that are allocated between two runs of the garbage collector; Python's default is 700 to 2,000."""


def leave_working_folder() -> None:
    """Remove the working folder from `sys.path`, where `python -m` puts it first.

    Otherwise a `json.py` among the images to classify would be imported in place of the standard library's. An edgewbc
    that is not installed is imported from the working folder: then the folder is put last, here and in subprocesses.
    """
    if sys.argv[:1] != ["-m"] or sys.flags.safe_path or sys.flags.isolated:
        return  # runpy sets argv[0] to -m while it imports the package
    folder = sys.path.pop(0)
    if not any(finder.find_spec("edgewbc", None) for finder in sys.meta_path if hasattr(finder, "find_spec")):
        sys.path.append(folder)
        inherited = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([inherited, folder] if inherited else [folder])


def collect_rarely() -> None:
    """Let the garbage collector run less often in this process, and not at its end.

    A command keeps most of what it allocates: modules while it starts, rows later. Looking through all of that again
    and again, and once more at the end, was an eighth of the CPU time of `classify` on one image.
    """
    gc.set_threshold(ALLOCATIONS)
    atexit.register(gc.freeze)


def turn_off_telemetry() -> None:
    """Keep OpenVINO, NNCF and ONNX Runtime from reporting their use over the network, as they do by default."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("NNCF_CI", "1")
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

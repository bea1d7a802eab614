"""`edgewbc`: the commands by name, and what becomes of an error."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperGroup

from edgewbc._version import __version__
from edgewbc.cli import bench, classify, data, demo, doctor, export, info, kit, prune, quantize, selftest, train
from edgewbc.cli import eval as evaluate
from edgewbc.errors import GateError, StalledError, UserError

ORDER = (
    *("data", "train", "prune", "quantize", "export", "kit", "eval", "bench", "info"),
    *("classify", "selftest", "doctor", "demo"),
)


class InOrder(TyperGroup):
    """Lists the commands in the order of the chain."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(ORDER)


app = typer.Typer(
    name="edgewbc",
    cls=InOrder,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: it is printed in half the time, and can be pasted anywhere
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"edgewbc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """White-blood-cell classifiers from a GPU workstation to a microscope PC without one.

    Exit codes: 0 done, 1 a bug, 2 bad input or usage, 3 a gate not met (accuracy, parity, leak, selftest).
    """


app.add_typer(data.app, name="data", short_help="Make, describe and check sets of labelled pictures.")
app.add_typer(bench.app, name="bench", short_help="Speed and accuracy on this machine.")
for name, module, says in (
    ("train", train, "Fine-tune a network from a recipe."),
    ("prune", prune, "Take channels out; recover by distillation."),
    ("quantize", quantize, "Quantize a network to INT8 with NNCF."),
    ("export", export, "Make a bundle for the lab from a run."),
    ("kit", kit, "Make a folder that installs on a lab's PC offline."),
    ("eval", evaluate, "Accuracy of a run or bundle on a split."),
    ("info", info, "A network layer by layer."),
    ("classify", classify, "Classify pictures; a differential count."),
    ("selftest", selftest, "Check a bundle's files and answers here."),
    ("doctor", doctor, "What this PC is; whether INT8 pays on it."),
    ("demo", demo, "The whole chain, on synthetic cells."),
):
    app.command(name, short_help=says)(module.command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command line and exit. A user's mistake is one line on stderr; only a bug has a stack trace."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not speak UTF-8: never fail for a name
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code: int | str | None = 1
    try:
        app(args=arguments, prog_name="edgewbc")
    except SystemExit as stop:
        code = stop.code
    except (UserError, GateError, StalledError) as error:
        print(f"edgewbc: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        print("edgewbc: stopped", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        code = 0
    except Exception:
        traceback.print_exc()
        print("edgewbc: this is a bug; please report the lines above", file=sys.stderr)
    if any(thread.name.startswith("edgewbc-") and thread.is_alive() for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)  # a stuck worker must not keep the process from ending
    sys.exit(code)

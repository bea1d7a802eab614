"""The commands of `edgewbc` in the order of the workflow; the module of a command is imported when it is used.

A program start takes most of its time for imports, so `edgewbc --help` prints the summaries that stand here and
imports no command at all.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer

SUMMARIES = {
    "data": "Create, describe and audit sets of labeled images.",
    "recipe": "List, show, check and start recipes.",
    "train": "Fine-tune a network from a recipe.",
    "runs": "List and compare run folders.",
    "prune": "Remove channels, then recover by distillation.",
    "quantize": "Quantize a network to INT8 with NNCF.",
    "export": "Export a run as a bundle for the lab.",
    "sign": "Sign a bundle, so that a lab knows whose it is.",
    "kit": "Build a folder that installs offline.",
    "eval": "Measure accuracy on a split of a manifest.",
    "bench": "Measure speed and accuracy on this machine.",
    "info": "Describe a network or a bundle.",
    "classify": "Classify images and count the cells.",
    "count": "Count a slide: from its images to a case.",
    "review": "Correct and sign a case in the browser.",
    "report": "Write a case's report, HTML or PDF.",
    "handover": "Give a signed case to the lab's information system.",
    "compare-counts": "Compare two counts of one sample.",
    "verify": "Check that nothing in a case was altered.",
    "explain": "Show what in an image a label rests on.",
    "serve": "Serve bundles over HTTP (KServe v2).",
    "microscope": "Learn what a microscope's images look like.",
    "pick": "Choose the cells that are worth labeling.",
    "labels": "Exchange labels with Label Studio and FiftyOne.",
    "adapt": "Adapt a bundle to your own cells.",
    "selftest": "Check a bundle's files and predictions here.",
    "doctor": "Describe this PC and whether INT8 is faster.",
    "demo": "Run the whole workflow on synthetic cells.",
}
"""One line about each command. Its module in `edgewbc.cli` has the same name, with `_` for `-`."""


def load(name: str) -> Any:
    """Import the module of a command, and return Typer's command of its `app` (with subcommands) or its `command`."""
    module = importlib.import_module(f"edgewbc.cli.{name.replace('-', '_')}")
    holder = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        holder.add_typer(module.app, name=name, short_help=SUMMARIES[name])
    else:
        holder.command(name, short_help=SUMMARIES[name])(module.command)
    return typer.main.get_group(holder).commands[name]

"""Add facts about the training images to bundles: `python -m bench.describe_bundles BUNDLE... --data MANIFEST`.

A bundle exported before version 0.2 does not know what its training images looked like, so `classify` cannot tell
images that are unlike them. This command measures them, writes manifest.json and CARD.md anew and seals the bundle
again; model files and golden samples keep their hashes. The manifest must be the one that the network was trained on.
For the bundles in export/bundles:

    edgewbc data manifest pbc PBC --protocol published --to manifests/pbc
    python -m bench.describe_bundles export/bundles/* --data manifests/pbc --license Apache-2.0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cli.console import progress
from edgewbc.data.manifest import Manifest
from edgewbc.errors import exit_code
from edgewbc.export import training_images


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.describe_bundles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folder of a bundle")
    parser.add_argument("--data", required=True, type=Path, help="manifest that the networks were trained on")
    parser.add_argument("--license", help="of the weights, if the bundles do not state it")
    options = parser.parse_args(arguments)

    def step() -> None:
        manifest = Manifest.read(options.data)
        for folder in options.bundles:
            training_images.describe(folder, manifest, license=options.license, progress=progress)
            print(folder)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

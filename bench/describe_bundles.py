"""Add what `export` measures to existing bundles: `python -m bench.describe_bundles BUNDLE... --data MANIFEST`.

A bundle of an older version does not know what its training images looked like, which of its cells are familiar, and
how far its probabilities are to be trusted. This command measures that, writes manifest.json, CARD.md and
familiarity.npz and seals the bundle again; model files and golden samples keep their hashes. The manifest must be the
one that the network was trained on. For the bundles in export/bundles:

    edgewbc data manifest pbc PBC --protocol published --to manifests/pbc
    edgewbc data manifest pbc PBC --protocol published8 --to manifests/pbc8
    python -m bench.describe_bundles export/bundles/wbc5-* --data manifests/pbc --others manifests/pbc8 \\
        --license Apache-2.0

With `--only-others`, calibration, thresholds and statistics stay as they are, and only the other kinds are added.

`--integer-onnx` rewrites the bundles' int8 ONNX files such that ONNX Runtime runs them as integer operators, measures
them on the validation images of the manifest, and records what is expected of ONNX Runtime for the golden samples; it
prints the new hashes, which belong in edgewbc/bundle/released.py:

    python -m bench.describe_bundles export/bundles/* --data manifests/pbc --integer-onnx

`--lower-ir-version` does something else: it rewrites the IR version of the bundles' ONNX files, so that older versions
of ONNX Runtime accept them, and prints the new hashes, which belong in edgewbc/bundle/released.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cli.console import progress
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code
from edgewbc.export import integer_bundle, onnx_version
from edgewbc.export.describe import describe, show_others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.describe_bundles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folder of a bundle")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--data", type=Path, help="manifest that the networks were trained on")
    parser.add_argument("--integer-onnx", action="store_true", help="only rewrite the int8 ONNX files (needs --data)")
    task.add_argument("--lower-ir-version", action="store_true", help="only change the IR version of ONNX files")
    parser.add_argument("--license", help="of the weights, if the bundles do not state it")
    parser.add_argument("--others", type=Path, help="manifest with cells of other kinds, for familiarity")
    parser.add_argument("--only-others", action="store_true", help="show --others, and leave all else as it is")
    parser.add_argument("--max-error", type=float, help="share of the accepted cells that may be mislabeled")
    options = parser.parse_args(arguments)

    def step() -> None:
        if options.lower_ir_version:
            for folder in options.bundles:
                for name, digest in onnx_version.lower(folder).items():
                    print(f"{digest}  {folder / name}")
            return
        manifest = Manifest.read(options.data)
        if options.integer_onnx:
            for folder in options.bundles:
                print(f"{integer_bundle.make_integer(folder, manifest, progress) or 'unchanged'}  {folder}")
            return
        others = None if options.others is None else Manifest.read(options.others)
        if options.only_others:
            if others is None:
                raise UserError("--only-others: name the manifest with --others")
            for folder in options.bundles:
                show_others(folder, manifest, others, progress)
                print(folder)
            return
        for folder in options.bundles:
            describe(
                folder,
                manifest,
                max_error=options.max_error,
                others=others,
                license=options.license,
                progress=progress,
            )
            print(folder)

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

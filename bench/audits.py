"""Combine the output of `edgewbc data audit` for some manifests into one short file of results.

    edgewbc data manifest pbc $EDGEWBC_DATA/pbc --protocol published --to manifests/pbc
    edgewbc data audit manifests/pbc --json > pbc.json
    python -m bench.audits manifests/pbc=pbc.json --out bench/results/audit-pbc.json

Each MANIFEST=AUDIT pair becomes one entry. Groups in more than one split are kept as a count and a few examples,
without their images; `seen_in_train` is the number of test cells whose group is in the train split too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError, exit_code
from edgewbc.utils.files import read_json, write_json

EXAMPLES = 5
KEPT = ("manifest_sha256", "protocol", "cells", "pictures", "near_checked", "thresholds", "counts", "leak", "faults")


def short(manifest: Manifest, audit: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with the counts, the duplicates and the leaks of an audit (groups as a count and examples).

    Raises:
        UserError: the audit is of another manifest.
    """
    if audit["manifest_sha256"] != manifest.sha256:
        raise UserError(f"the audit is of manifest {audit['manifest_sha256'][:12]}, not of {manifest.sha256[:12]}")
    trained = {entry.group for entry in manifest.entries if entry.split == "train"}
    tested = [entry for entry in manifest.entries if entry.split == "test"]
    counts = dict(audit["counts"])
    if not audit["near_checked"]:  # not searched: null, not zero
        counts |= {"near_duplicates": None, "near_leaks": None}
    of_groups = [leak["what"] for leak in audit["leaks"] if leak["kind"] == "group"]
    return {
        "source": manifest.provenance.source,
        "seed": manifest.provenance.seed,
        **{name: audit[name] for name in KEPT},
        "counts": counts,
        "groups": len({entry.group for entry in manifest.entries}),
        "groups_on_several_sides": {"n": len(of_groups), "examples": of_groups[:EXAMPLES]},
        "test": {"n": len(tested), "seen_in_train": sum(entry.group in trained for entry in tested)},
        "duplicates": audit["duplicates"],
        "leaks": [leak for leak in audit["leaks"] if leak["kind"] != "group"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.audits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", nargs="+", metavar="MANIFEST=AUDIT", help="a manifest and the JSON of its audit")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of results")
    options = parser.parse_args(arguments)

    def step() -> None:
        found = []
        for pair in options.pairs:
            manifest, equals, audit = pair.partition("=")
            if not equals:
                raise UserError(f"{pair}: expected MANIFEST=AUDIT")
            told = read_json(Path(audit), "what `edgewbc data audit --json` printed")
            found.append(short(Manifest.read(Path(manifest)), told))
        write_json(options.out, {"audits": found})

    return exit_code(step)


if __name__ == "__main__":
    sys.exit(main())

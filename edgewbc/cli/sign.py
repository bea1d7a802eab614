"""`edgewbc sign`: make a key pair, and sign bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import wrote


def command(
    bundle: Annotated[Path | None, typer.Argument(metavar="BUNDLE", help="Folder of the bundle to sign.")] = None,
    key: Annotated[Path | None, typer.Option(help="File of the private key.")] = None,
    new_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make a key pair instead: FILE and FILE.pub.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the signer, which the lab reads. [default: that of the key]")
    ] = None,
    pack: Annotated[bool, typer.Option("--zip", help="Write a zip of the signed bundle next to it.")] = False,
) -> None:
    """Sign a bundle, so that a lab can tell whose it is; needs the extra `sign`.

    The signature covers the checksums of all files, the name and the date. Keep the private key off the network, with a
    password in EDGEWBC_KEY_PASSWORD; give FILE.pub to the lab by another way than the bundle, or build it into a kit.

    \b
    Example:
      edgewbc sign --new-key lab.key --name 'Hematology, City Hospital'
      edgewbc sign bundles/mine --key lab.key
      edgewbc verify bundles/mine --trust lab.key.pub
    """
    from edgewbc.bundle.bundle import pack as pack_folder
    from edgewbc.bundle.paths import SIGNATURE
    from edgewbc.bundle.signature import read_keys
    from edgewbc.errors import UserError
    from edgewbc.export import sign

    if new_key is not None:
        if bundle is not None or key is not None or name is None:
            raise UserError("--new-key FILE takes --name alone: the owner of the key")
        public = sign.new_key(new_key, name)
        wrote(new_key)
        wrote(public)
        print(f"key {read_keys(public)[0].fingerprint}")
        return
    if bundle is None or key is None:
        raise UserError("name a bundle and --key FILE, or make a key pair with --new-key FILE --name YOU")
    made = sign.sign(bundle, key, name)
    wrote(bundle / SIGNATURE)
    if pack:
        packed = bundle.with_name(f"{bundle.name}.zip")
        pack_folder(bundle, packed)
        wrote(packed)
    print(f"{bundle}: signed by {made.key.name or 'someone without a name'} (key {made.key.fingerprint})")

"""`edgewbc data`."""

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, describe and check sets of pictures.")


@app.command()
def synth() -> None:
    """To be written."""

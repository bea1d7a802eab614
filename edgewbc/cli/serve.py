"""`edgewbc serve`: predictions over HTTP, by the Open Inference Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgewbc.cli.console import say
from edgewbc.cli.options import Cores, Precision, RequireSignature, TrustedKeys


def command(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]BUNDLE",
            help="Bundle to serve, and the name that clients use; repeat it for several. [default: the shipped one]",
        ),
    ] = None,
    microscope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]JSON",
            help="Profile of the images' microscope, from `edgewbc microscope learn`, for models that locate cells; "
            "`training` for the microscope of the training images.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but this computer's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that clients must send. [default: the variable EDGEWBC_SERVE_TOKEN]"),
    ] = None,
    precision: Precision = None,
    review_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CLASS=]P",
            help="Review labels with a probability below P; repeat it for single classes. [default: the bundle's]",
        ),
    ] = None,
    threads: Cores = None,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Most images per inference call.")] = 32,
    delay: Annotated[
        float,
        typer.Option(
            min=0,
            max=1000,
            help="Milliseconds that an image waits at most, for as many others as came together just before.",
        ),
    ] = 5.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Images that may wait or be classified; more are refused with status 429.")
    ] = 1024,
    max_body: Annotated[int, typer.Option(min=1, max=1024, help="Largest request in MiB.")] = 64,
    max_pixels: Annotated[int, typer.Option(min=1, max=100, help="Largest image in millions of pixels.")] = 50,
    drain: Annotated[int, typer.Option(min=1, help="Seconds to finish accepted requests after SIGTERM.")] = 60,
    trust: TrustedKeys = None,
    require_signature: RequireSignature = False,
) -> None:
    """Serve bundles over HTTP: images in, labels and their statuses out, by the Open Inference Protocol (KServe v2).

    A client sends image files or pixels and gets a row for each cell, as `classify` gives it; `counted` tells whether
    a cell may be counted without a person. An image that cannot be read is an error of its request. Images of several
    requests are classified in one batch. When the queue is full, a request is refused with 429 and Retry-After. SIGTERM
    and Ctrl-C finish the requests that were accepted. /metrics is for Prometheus.

    Without --host, only this computer reaches the server. There is no encryption: put a proxy with TLS in front of it.

    \b
    Example:
      edgewbc serve
      edgewbc serve --model wbc5-travel --microscope scope.json --port 8080
    """
    from edgewbc.serve import server
    from edgewbc.serve.limits import Limits

    server.check()
    token = server.token(token_file, host)

    from edgewbc.bundle import signature
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.cli import defaults
    from edgewbc.lab.thresholds import ReviewThresholds
    from edgewbc.serve import models

    keys = signature.trusted(trust)
    given = [models.Named.parse(value) for value in model or []] or [models.Named("", "")]
    named = models.names(
        [(each.name, Bundle.open(defaults.bundle(Path(each.path) if each.path else None))) for each in given]
    )
    for bundle in named.values():
        say((signature.require if require_signature else signature.judge)(bundle, keys).line)
    served = models.load(
        named,
        models.microscopes(microscope or []),
        precision=precision,
        threads=threads,
        thresholds=ReviewThresholds.parse(review_below or []),
    )
    limits = Limits(
        body=max_body << 20, pixels=max_pixels * 1_000_000, queue=queue, batch=batch, delay=delay / 1000, drain=drain
    )
    server.run(served, host=host, port=port, token=token, limits=limits, say=say)

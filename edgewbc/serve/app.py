"""The addresses of the Open Inference Protocol (KServe v2), and `/metrics`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edgewbc._version import __version__
from edgewbc.lab.cpu_budget import CpuBudget
from edgewbc.lab.results import Status
from edgewbc.serve import request as requests
from edgewbc.serve import response as responses
from edgewbc.serve.admission import Admission
from edgewbc.serve.batcher import Batcher
from edgewbc.serve.guard import Guard
from edgewbc.serve.limits import Limits
from edgewbc.serve.metrics import Metrics
from edgewbc.serve.models import VERSION, ServedModel
from edgewbc.serve.problems import BadImage, Code, Problem, bad_request, too_large
from edgewbc.serve.request import Source
from edgewbc.serve.response import Encoded, Rows

LOG = logging.getLogger("edgewbc.serve")
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_JSON_LENGTH: Final = requests.LENGTH_HEADER.encode()
_VERSIONS: Final = ("", f"/versions/{VERSION}")
"""Parts of an address after a model's name: without a version, and with the only one."""
_KIND: Final = {"content-type": "application/json"}
_BUG: Final = Problem(500, Code.INTERNAL, "the server failed: its log says why")


class _Direct:
    """ASGI middleware that takes requests for predictions past routing, which costs a fifth of a request's CPU time."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        """Take what a service's models classify; give all other requests to an app."""
        self._app, self._service = app, service
        self._models = {
            f"/v2/models/{model.name}{part}/infer": model for model in service.models.values() for part in _VERSIONS
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        model = self._models.get(scope["path"]) if scope["method"] == "POST" else None
        if model is None:
            await self._app(scope, receive, send)
        else:
            await self._service.infer(model, scope, receive, send)


class Service:
    """The models of a server, and the requests in it.

    Attributes:
        models: by name.
        admission: what is in it.
        metrics: what it counts.
    """

    def __init__(self, models: Sequence[ServedModel], limits: Limits) -> None:
        """Start the workers of each model; all models share the cores of the first."""
        self._limits, self.admission, self.metrics = limits, Admission(limits), Metrics()
        self.models = {model.name: model for model in models}
        self._batchers: dict[str, Batcher] = {}
        share: CpuBudget | None = None
        for model in models:
            batcher = Batcher(model.model, limits, share, self._seen(model.name))
            self._batchers[model.name], share = batcher, share or batcher.budget
        self.metrics.images.set_function(lambda: self.admission.images)
        self.metrics.size.set_function(lambda: self.admission.size)

    def close(self) -> None:
        """Finish what is queued, and end the workers."""
        for batcher in self._batchers.values():
            batcher.close()

    def routes(self) -> list[Route]:
        """Return the addresses."""
        model, version = "/v2/models/{name:str}", "/v2/models/{name:str}/versions/{version:str}"
        return [
            *(Route(f"{each}/infer", self.unknown, methods=["POST"]) for each in (model, version)),
            Route("/v2", self.server),
            Route("/v2/", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(Route(each, self.model) for each in (model, version)),
            *(Route(f"{each}/ready", self.model_ready) for each in (model, version)),
            Route("/metrics", self.prometheus),
        ]

    async def server(self, _: Request) -> Response:
        """Server metadata, and the names of the models."""
        return JSONResponse(
            {
                "name": "edgewbc",
                "version": __version__,
                "extensions": ["binary_tensor_data"],
                "models": list(self.models),
            }
        )

    async def live(self, _: Request) -> Response:
        """Whether the process responds."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """Whether requests are taken: all models are loaded before the server listens, and at its end it does not."""
        return JSONResponse({"ready": True})

    async def model(self, request: Request) -> Response:
        """Metadata of a model."""
        return JSONResponse(self._model(request.path_params).metadata())

    async def model_ready(self, request: Request) -> Response:
        """Whether a model takes requests, as `ready`."""
        return JSONResponse({"name": self._model(request.path_params).name, "ready": True})

    async def prometheus(self, _: Request) -> Response:
        """Metrics in Prometheus' text format."""
        return Response(self.metrics.text(), headers={"content-type": _TEXT})

    async def infer(self, model: ServedModel, scope: Scope, receive: Receive, send: Send) -> None:
        """Classify the images of a request, or say what is wrong with it."""
        begun = monotonic()
        try:
            found = await self._infer(scope, receive, model)
            code, headers, body = 200, found.headers, found.body
        except Problem as problem:
            code, headers, body = problem.status, _KIND | problem.headers, problem.body()
        except Exception:
            LOG.exception("a request failed")
            code, headers, body = _BUG.status, _KIND, _BUG.body()
        self.metrics.request(model.name, code, monotonic() - begun)
        lines = [(key.encode(), text.encode()) for key, text in headers.items()]
        lines.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": code, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    async def unknown(self, request: Request) -> Response:
        """Refuse a request to a model that there is not."""
        self.metrics.request("", 404, 0.0)
        return JSONResponse(self._model(request.path_params).metadata())  # raises Problem

    async def _infer(self, scope: Scope, receive: Receive, model: ServedModel) -> Encoded:
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first one of a name
        with self.admission.receive(_length(headers, self._limits.body)):
            body = await self._body(receive)
            length = headers.get(_JSON_LENGTH)
            wanted = requests.parse(body, None if length is None else length.decode("latin-1"), self._limits)
            del body
            outputs = responses.check(wanted)
            batcher = self._batchers[model.name]
            with self.admission.classify(len(wanted.images), batcher.seconds):
                rows = await _rows(batcher, wanted.images)
            if not wanted.rows and (bad := _bad(rows)):
                count = f"{len(bad)} of {len(rows)} images" if len(rows) > 1 else "the image"
                raise Problem(400, Code.IMAGE, f"{count} cannot be used: {bad[0].reason}", bad)
            self.metrics.rows(model.name, rows)
            return responses.encode(model.name, VERSION, wanted, outputs, rows, model.classes)

    async def _body(self, receive: Receive) -> bytes:
        """Receive a request; `connection` ends one that is slow. Raises Problem if it is too large or not whole."""
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise bad_request("the connection was closed before the request was complete")
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > self._limits.body:
                raise too_large(f"the request is larger than {self._limits.body:,} bytes")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _model(self, path: Mapping[str, Any]) -> ServedModel:
        """Return the model that the parts of an address name. Raises Problem if there is none."""
        name, version = path["name"], path.get("version", VERSION)
        found = self.models.get(name)
        if found is None or version != VERSION:
            raise Problem(404, Code.NOT_FOUND, f"no such model; the models are {', '.join(self.models)}, version 1")
        return found

    def _seen(self, name: str) -> Any:
        return lambda images, seconds: self.metrics.batch_of(name, images, seconds)


def create(service: Service, token: str | None = None) -> Guard:
    """Return the application of a service.

    Args:
        service: with its models.
        token: that requests must carry; None where only this computer reaches the server.
    """
    handlers: dict[Any, Any] = {Problem: _problem, HTTPException: _http, Exception: _bug}
    application = Starlette(routes=service.routes(), exception_handlers=handlers)
    application.router.redirect_slashes = False  # the address of a redirect would be this server's, not its proxy's
    return Guard(_Direct(application, service), token)


async def _rows(batcher: Batcher, images: Sequence[Source]) -> Rows:
    """Classify images; the batcher completes the future in this event loop."""
    loop = asyncio.get_running_loop()
    rows: asyncio.Future[Rows] = loop.create_future()
    batcher.queue(images, rows, loop.call_soon_threadsafe)
    return await rows


def _length(headers: Mapping[bytes, bytes], most: int) -> int:
    """Return the bytes to hold for a request: as many as it says, or the most that there may be.

    Raises:
        Problem: it is compressed, or its length is no number.
    """
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Problem(415, Code.REQUEST, "compressed requests are not taken: images are compressed already")
    length = headers.get(b"content-length")
    if length is None:
        return most
    if not length.isdigit():
        raise bad_request("content-length is not a number")
    return int(length[:18])


def _bad(rows: Rows) -> tuple[BadImage, ...]:
    """Return the images that have no prediction."""
    found = ((image, row) for image, each in enumerate(rows) for row in each if row.status is Status.ERROR)
    return tuple(BadImage(image, row.reason) for image, row in found)


async def _problem(_: Request, problem: Problem) -> Response:
    return JSONResponse(problem.to_json(), problem.status, problem.headers)


async def _http(_: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        problem = Problem(405, Code.METHOD, "the address takes another method", headers=dict(error.headers or {}))
    else:
        problem = Problem(error.status_code, Code.NOT_FOUND, "no such address: /v2 tells about this server")
    return JSONResponse(problem.to_json(), problem.status, problem.headers)


async def _bug(_: Request, __: Exception) -> Response:
    return JSONResponse(_BUG.to_json(), _BUG.status)

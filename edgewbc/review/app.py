"""The application: what the page asks for. Decisions run in the event loop, one after another; images in threads."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from edgewbc.cases.case import Case
from edgewbc.errors import UserError
from edgewbc.lab.journal_review import Screen
from edgewbc.review.cell_images import MAX_THUMBNAILS, NO_MAPS, CellImages, Maps, NoCellImage
from edgewbc.review.desk import Desk, Request, Stale
from edgewbc.review.guard import Guard
from edgewbc.utils.files import parse_json

STATIC: Final = Path(__file__).parent / "static"
MAX_REQUEST_BYTES: Final = 4 << 20
"""Largest body of a request, in bytes."""
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEEP: Final = {"Cache-Control": "private, max-age=3600"}

Handler = Callable[[HttpRequest], Awaitable[Response]]


class Page:
    """The handlers of one open case."""

    def __init__(self, case: Case, by: str = "", maps: Maps = NO_MAPS) -> None:
        self.desk = Desk(case, by, maps=None if maps.draw is None else maps.note)
        self.images = CellImages(case, maps)

    def routes(self) -> list[Route]:
        """Return the addresses."""
        files = [Route(f"/{path.name}", _file(path)) for path in sorted(STATIC.iterdir()) if path.suffix in _TYPES]
        return [
            Route("/", _file(STATIC / "index.html")),
            *files,
            Route("/api/case", _respond(self.whole)),
            Route("/api/changes", _respond(self.changes)),
            Route("/api/thumbs", _respond(self.thumbs)),
            Route("/api/cells/{id:int}", _respond(self.detail)),
            Route("/api/cells/{id:int}/{what:str}", _respond(self.image)),
            Route("/api/decide", _respond(self.decide), methods=["POST"]),
            Route("/api/undo", _respond(self.undo), methods=["POST"]),
            Route("/api/sign-off", _respond(self.sign_off), methods=["POST"]),
            Route("/api/correct", _respond(self.correct), methods=["POST"]),
        ]

    async def whole(self, _: HttpRequest) -> Response:
        """Everything that the page shows at the start."""
        return _json(self.desk.whole())

    async def changes(self, request: HttpRequest) -> Response:
        """What changed since a revision."""
        query = request.query_params
        return _json(self.desk.changes(_number(query.get("since")), query.get("server", "")))

    async def detail(self, request: HttpRequest) -> Response:
        """Probabilities, reasons and history of a cell."""
        return _json(self.desk.detail(request.path_params["id"]))

    async def thumbs(self, request: HttpRequest) -> Response:
        """Thumbnails of several cells in one response."""
        numbers = [_number(each) for each in request.query_params.get("ids", "").split(",")]
        if len(numbers) > MAX_THUMBNAILS:
            raise UserError(f"{len(numbers)} thumbnails: ask for up to {MAX_THUMBNAILS} at a time")
        pack = await run_in_threadpool(self.images.pack, numbers)
        return Response(pack, media_type="application/octet-stream")

    async def image(self, request: HttpRequest) -> Response:
        """A cell in full, its field, or its map."""
        cell = self.desk.case.cell(request.path_params["id"])
        match request.path_params["what"]:
            case "image":
                data = await run_in_threadpool(self.images.crop, cell)
                return Response(data, media_type=_media_type(data), headers=_KEEP)
            case "field":
                field = await run_in_threadpool(self.images.field, cell)
                place = {} if field.box is None else {"X-Box": ",".join(f"{value:.6f}" for value in field.box)}
                return Response(field.data, media_type="image/jpeg", headers={**_KEEP, **place})
            case "map":
                data = await run_in_threadpool(self.images.map, cell)
                return Response(data, media_type=_media_type(data))  # not kept: it is that of the present label
        raise NoCellImage("there is no such image")

    async def decide(self, request: HttpRequest) -> Response:
        """Record a label of some cells."""
        body = await _body(request)
        pairs = body.get("cells")
        if not isinstance(pairs, list) or not all(isinstance(each, list) and len(each) == 2 for each in pairs):
            raise UserError("the request names no cells")
        seen = [(_number(number), _number(revision)) for number, revision in pairs]
        return self._write(body, lambda made: self.desk.decide(made, _text(body, "label"), seen))

    async def undo(self, request: HttpRequest) -> Response:
        """Take back the last decision."""
        return self._write(await _body(request), self.desk.undo)

    async def sign_off(self, request: HttpRequest) -> Response:
        """Sign the case."""
        body = await _body(request)
        given = body.get("seen")
        seen = given if isinstance(given, dict) else {}
        screen = Screen(_number(seen.get("shown", 0)), _text(seen, "filter")[:40], _text(seen, "screen")[:40])
        return self._write(body, lambda made: self.desk.sign_off(made, screen))

    async def correct(self, request: HttpRequest) -> Response:
        """Open a signed case for a correction."""
        body = await _body(request)
        return self._write(body, lambda made: self.desk.correct(made, _text(body, "why")))

    def _write(self, body: dict[str, Any], step: Callable[[Request], None]) -> Response:
        """Do what a tab asks for; respond with all that changed since what the tab knows."""
        made = Request(_text(body, "who"), _text(body, "tab"), _text(body, "server"), _number(body.get("revision")))
        try:
            step(made)
        except Stale as error:
            changes = self.desk.changes(made.revision, made.server)
            return _json({"error": str(error), "changes": None if "reload" in changes else changes}, 409)
        return _json(self.desk.changes(made.revision, made.server, head=body.get("head") is not False))


def create(case: Case, token: str, port: int, by: str = "", maps: Maps = NO_MAPS) -> Guard:
    """Return the application for a case.

    Args:
        case: open for decisions, for as long as the application runs.
        token: that requests must carry.
        port: on which the server listens.
        by: name of the person; empty asks in the page.
        maps: class activation maps, if there are any.
    """
    return Guard(Starlette(routes=Page(case, by, maps).routes()), token, port)


def _respond(handler: Handler) -> Handler:
    """Turn errors of a handler into responses with one line."""

    @wraps(handler)
    async def responded(request: HttpRequest) -> Response:
        try:
            return await handler(request)
        except UserError as error:
            return _json({"error": str(error)}, 400)
        except NoCellImage as error:
            return _json({"error": str(error)}, 404)
        except ClientDisconnect:
            return Response(status_code=400)

    return responded


def _file(path: Path) -> Handler:
    async def responded(_: HttpRequest) -> Response:
        return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})

    return responded


def _json(value: Any, status: int = 200) -> Response:
    """Return a value as JSON, in ASCII: names of files may hold what UTF-8 cannot say."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


async def _body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of a request. Raises UserError if it has none, or too large a one."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_REQUEST_BYTES:
            raise UserError("the request is too large")
    try:
        value = parse_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError("the request is not a JSON object")
    return value


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise UserError(f"{name} is not a text")
    return value


def _number(value: object) -> int:
    try:
        if isinstance(value, bool | float):
            raise ValueError
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise UserError("the request has no number where one is needed") from None
    if not 0 <= number < 1 << 32:
        raise UserError("the request has a number out of range")
    return int(number)


def _media_type(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"

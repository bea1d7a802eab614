"""Errors of a request: status, code and text; images only where some are at fault."""

from __future__ import annotations

import json

from edgewbc.serve.problems import BadImage, Code, Problem, bad_request, too_large


def test_an_error_as_a_client_gets_it() -> None:
    """`error` is for a person, `code` for a program, and `images` names those at fault by their place."""
    bad = (BadImage(1, "damaged"), BadImage(4, "too large"))
    problem = Problem(400, Code.IMAGE, "2 of 5 images cannot be used", bad)
    assert json.loads(problem.body()) == {
        "error": "2 of 5 images cannot be used",
        "code": "bad_image",
        "images": [{"image": 1, "reason": "damaged"}, {"image": 4, "reason": "too large"}],
    }
    busy = Problem(429, Code.BUSY, "full", headers={"Retry-After": "1"})
    assert busy.to_json() == {"error": "full", "code": "busy"}
    assert (busy.headers, str(busy), bad_request("x").headers) == ({"Retry-After": "1"}, "full", {})


def test_short_forms() -> None:
    """What is not of the protocol is 400, what is beyond a limit 413."""
    assert (bad_request("a").status, bad_request("a").code) == (400, Code.REQUEST)
    assert (too_large("b").status, too_large("b").code) == (413, Code.TOO_LARGE)

"""The page itself, without a browser: what its buttons say of keys is what the keys do."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from edgewbc.review.app import STATIC


class Buttons(HTMLParser):
    """Collects the attributes of all buttons by id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "button":
            self.found[values["id"] if "id" in values else str(len(self.found))] = values


def test_buttons_name_the_keys_that_press_them() -> None:
    """In their title as to a screen reader."""
    buttons = Buttons((STATIC / "index.html").read_text(encoding="utf-8")).found
    does = dict(re.findall(r'case "(.)": return actions\.(\w+)\(', (STATIC / "keys.js").read_text(encoding="utf-8")))
    expected = {
        "undo": "undo",
        "help": "help",
        "person": "person",
        "sign": "sign",
        "show-large": "enlarge",
        "show-field": "field",
        "show-map": "map",
    }
    for name, action in expected.items():
        key = buttons[name]["aria-keyshortcuts"].split()[0]
        assert does[key] == action
        assert buttons[name]["title"].endswith(f" ({key})")

"""Tests of the review page in a real browser, as a person uses it: keys, mouse, two windows, a killed server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewbc.cases.case import Case
from edgewbc.cases.cells import CaseCell
from edgewbc.cases.history import CaseState
from edgewbc.cells import CLASSES
from edgewbc.lab.results import Status
from edgewbc.review import app
from edgewbc.review.cell_images import Maps
from tests.review import browser
from tests.review.cases import make_case

pytestmark = pytest.mark.skipif(not browser.executable(), reason="there is no Chromium or Chrome on this computer")

REVIEW = (Status.REVIEW,)
WAIT = 180_000
"""Milliseconds after which a busy machine counts as stuck."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Return a browser that all tests of this module share."""
    with browser.chromium() as opened:
        yield opened


@pytest.fixture
def show(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens an address in a window of its own; an error in the page's code fails the test."""
    errors: list[str] = []
    contexts = []

    def opened(url: str, *, ready: bool = True, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": 1280, "height": 720}, **options)
        context.set_default_timeout(WAIT)
        contexts.append(context)
        return show_in(context, url, errors, ready)

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def show_in(context: Any, url: str, errors: list[str], ready: bool = True) -> Any:
    """Open an address in a context, and wait for the page to show its cells.

    Requests are intercepted from the start, though none matches: Chromium lets those pass that follow too closely upon
    the first `route` of an open page.
    """
    page = context.new_page()
    page.route("**/none", lambda route: route.abort())
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    page.goto(url)
    if ready:
        page.wait_for_selector("body.ready")
    return page


def settled(page: Any) -> None:
    """Wait until nothing is pending."""
    page.wait_for_selector("body:not(.busy)")


def text(page: Any, selector: str) -> str:
    """Return the text of an element."""
    return str(page.inner_text(selector))


def wait_text(page: Any, selector: str, wanted: str) -> None:
    """Wait until an element has a text in it."""
    page.locator(selector).filter(has_text=wanted).first.wait_for(state="attached")


def test_two_hundred_cells_by_keys_alone(show: Callable[..., Any], tmp_path: Path) -> None:
    """All relabeled, the sign-off refused while one is open, then accepted; a reload shows it all, closed."""
    folder = make_case(tmp_path / "case", 200, status=REVIEW)
    with browser.served(folder) as (url, case):
        page = show(url)
        for index in range(199):
            page.keyboard.press("12345"[index % 5])
        wait_text(page, "#progress-text", "1 open cell of 200")
        settled(page)
        assert len(case.decisions) == 199
        page.keyboard.press("s")
        assert "1 cell is still open" in text(page, "#sign-body")
        assert not page.is_visible("#sign-confirm")
        page.keyboard.press("Enter")
        assert not page.is_visible("#sign-dialog")
        wait_text(page, "#detail-title", "open")
        page.keyboard.press("u")
        wait_text(page, "#progress-text", "none open")
        settled(page)
        page.keyboard.press("s")
        assert "Ada" in text(page, "#sign-body")
        assert not re.search("null|undefined|NaN", text(page, "#sign-body"))
        page.keyboard.press("Enter")
        wait_text(page, "#case-state", "signed")
        assert (case.state, len(case.decisions)) == (CaseState.SIGNED, 200)
        assert case.sign_offs[0].seen["screen"] == "1280x720"
        page.keyboard.press("3")
        page.reload()
        page.wait_for_selector("body.ready")
        assert "Signed by Ada" in text(page, "#banners")
        wait_text(page, "#progress-text", "none open")
        assert text(page, ".group-count >> nth=0") == "40"
        assert len(case.decisions) == 200
        page.click("#sign")
        page.fill("#correct-reason", "seen by the senior")
        page.keyboard.press("Enter")
        wait_text(page, "#case-state", "version 2")
        page.keyboard.press("3")
        settled(page)
        page.wait_for_selector("#undo:enabled")
        assert case.decisions[-1].why == "seen by the senior"


def test_undo_confirm_and_many_at_once(show: Callable[..., Any], tmp_path: Path) -> None:
    """Shift and arrows, the mouse's rectangle, Enter and z; the live differential follows."""
    folder = make_case(tmp_path / "case", 40, status=REVIEW)
    with browser.served(folder) as (url, case):
        page = show(url)
        for _ in range(3):
            page.keyboard.press("Shift+ArrowRight")
        wait_text(page, "#detail-title", "4 cells selected")
        page.keyboard.press("5")
        wait_text(page, "#differential", "basophil")
        settled(page)
        assert len({each.at for each in case.decisions}) == 1
        assert [each.new for each in case.decisions] == ["basophil"] * 4
        page.keyboard.press("Enter")
        wait_text(page, "#progress-text", "35 open")
        settled(page)
        assert case.decisions[-1].new == "neutrophil"
        page.keyboard.press("z")
        wait_text(page, "#progress-text", "36 open")
        page.keyboard.press("Control+z")
        wait_text(page, "#progress-text", "40 open")
        page.keyboard.press("Home")
        page.wait_for_selector("#detail-title >> text=Cell 1:")
        first = page.locator(".tile.focused").bounding_box()
        page.mouse.move(first["x"] - 4, first["y"] - 2)
        page.mouse.down()
        page.mouse.move(first["x"] + 2.5 * first["width"], first["y"] + 1.5 * first["height"], steps=4)
        page.mouse.up()
        wait_text(page, "#detail-title", "6 cells selected")
        page.click("button[data-label='monocyte']")
        wait_text(page, "#progress-text", "34 open")
        page.select_option("#filter", "person")
        page.wait_for_selector(".tile >> nth=6", state="detached")
        assert page.locator(".tile").count() == 6


def test_keys_after_an_undo_mean_the_cell_that_it_brings_back(show: Callable[..., Any], tmp_path: Path) -> None:
    """Also where the server is slow to answer: they wait for it, and none reaches the next cell."""
    with browser.served(make_case(tmp_path / "case", 6, status=REVIEW)) as (url, case):
        page = show(url)
        page.keyboard.press("1")
        wait_text(page, "#progress-text", "5 open")
        settled(page)
        (wrong,) = (each.result for each in case.decisions)
        held: list[Any] = []
        page.route("**/api/undo", lambda route: held.append(route))
        for key in "z3z4":
            page.keyboard.press(key)
        page.wait_for_timeout(200)
        assert len(case.decisions) == 1
        for _ in range(2):
            while not held:
                page.wait_for_timeout(20)
            held.pop().continue_()
        page.wait_for_function("() => document.querySelector('#progress-text').textContent.startsWith('5 open')")
        settled(page)
        while len(case.decisions) < 5:
            page.wait_for_timeout(20)
        assert {each.result for each in case.decisions} == {wrong}
        assert case.cell(wrong).label == "eosinophil"


def test_two_windows_learn_of_each_other(chromium: Any, tmp_path: Path) -> None:
    """A decision shows in the other window; one on a cell that changed meanwhile is refused and says so."""
    errors: list[str] = []
    folder = make_case(tmp_path / "case", 12, status=REVIEW)
    with browser.served(folder, by="") as (url, case):
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        context.set_default_timeout(WAIT)
        one = show_in(context, url, errors)
        one.keyboard.type("Ada")
        one.keyboard.press("Enter")
        other = show_in(context, url.split("#")[0], errors)  # the token is known to the browser by now
        other.keyboard.type("Bob")
        other.keyboard.press("Enter")
        assert text(other, "#person-name") == "Bob"
        one.keyboard.press("2")
        wait_text(other, "#progress-text", "11 open")
        assert "changed in another window" in text(other, "#banners")
        other.route("**/api/changes*", lambda route: route.abort())
        focus = one.evaluate("document.querySelector('#gallery').getAttribute('aria-activedescendant')")
        other.click(f"#{focus}")
        one.keyboard.press("3")
        settled(one)
        number = int(focus[1:])
        assert case.cell(number).label == "monocyte"
        other.unroute("**/api/changes*")
        other.evaluate("window.dispatchEvent(new Event('focus'))")
        wait_text(other, "#progress-text", "10 open")
        assert [each.who for each in case.decisions] == ["Ada", "Ada"]
        context.close()
    assert errors == []


def test_a_decision_on_what_changed_meanwhile_is_refused(show: Callable[..., Any], tmp_path: Path) -> None:
    """The newest state is shown instead, and a second press of the key means it."""
    folder = make_case(tmp_path / "case", 3, status=REVIEW)
    with browser.served(folder) as (url, case):
        page = show(url)
        page.route("**/api/changes*", lambda route: route.fulfill(json={"revision": 0, "cells": []}))
        page.wait_for_timeout(100)
        other = show(url)
        other.keyboard.press("2")
        settled(other)
        page.keyboard.press("3")
        wait_text(page, "#banners", "Not saved: cell 1 was changed in another window (now: lymphocyte, by Ada)")
        assert case.cell(1).label == "lymphocyte"
        page.keyboard.press("Home")
        page.keyboard.press("End")
        wait_text(page, "#detail-title", "lymphocyte")
        page.keyboard.press("3")
        wait_text(page, "#detail-title", "monocyte")
        settled(page)
        assert case.cell(1).label == "monocyte"


def start(folder: Path, port: int = 0) -> tuple[subprocess.Popen[str], str]:
    """Start the command in a process of its own; return it and the address that it prints."""
    command = [sys.executable, "-m", "edgewbc", "review", str(folder), "--no-open", "--by", "Ada", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http://\S+", line):
            return process, found[0]
    raise AssertionError(f"the command ended with {process.wait()}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_server_loses_at_most_the_key_in_flight(show: Callable[..., Any], tmp_path: Path) -> None:
    """kill -9 while keys are pressed: the page says what was not saved; all it showed as saved is in the journal."""
    folder = make_case(tmp_path / "case", 120, status=REVIEW)
    process, url = start(folder)
    try:
        page = show(url)
        page.keyboard.press("1")
        settled(page)
        threading.Timer(0.4, process.kill).start()
        while process.poll() is None:
            page.keyboard.press("2")
        page.keyboard.press("3")
        page.wait_for_selector(".banner.error")
        page.keyboard.press("4")
        banner = text(page, "#banners")
        page.wait_for_timeout(300)
        assert "The server does not respond; nothing is accepted." in banner
        lost = re.findall(r"cell \d+ → (\w+)", text(page, "#banners"))
        shown = 120 - int(text(page, "#progress-text").split()[0])
        assert "eosinophil" not in lost
    finally:
        process.kill()
        process.wait()
    kept = Case.read(folder).decisions
    assert shown <= len(kept) <= shown + 1
    assert kept
    port = int(url.split(":")[2].split("/")[0])
    process, again = start(folder, port)
    try:
        wait_text(page, "#banners", "belongs to an earlier start")
        anew = show(again)
        assert 120 - int(text(anew, "#progress-text").split()[0]) == len(kept)
        anew.keyboard.press("5")
        wait_text(anew, "#progress-text", f"{119 - len(kept)} open")
        settled(anew)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.splitlines()[-1].endswith(f"{119 - len(kept)} cells are open: run the same command again to resume")
    assert len(Case.read(folder).decisions) == len(kept) + 1


def test_what_was_not_saved_can_be_sent_again(show: Callable[..., Any], tmp_path: Path) -> None:
    """If the same server responds again, such as after a computer slept."""
    folder = make_case(tmp_path / "case", 4, status=REVIEW)
    with browser.served(folder) as (url, case):
        page = show(url)
        page.route("**/api/**", lambda route: route.abort())
        page.keyboard.press("2")
        wait_text(page, "#banners", "NOT saved: cell 1 → lymphocyte")
        wait_text(page, "#progress-text", "4 open cells")
        page.unroute("**/api/**")
        page.click("text=Save now")
        wait_text(page, "#progress-text", "3 open")
        settled(page)
        assert case.cell(1).label == "lymphocyte"
        assert text(page, "#banners") == ""


def test_a_wrong_token_and_another_host_show_nothing(show: Callable[..., Any], tmp_path: Path) -> None:
    """Neither the case's name nor a cell."""
    folder = make_case(tmp_path / "case", 3, name="S-secret")
    with browser.served(folder) as (url, _):
        page = show(re.sub("token=.*", "token=wrong", url), ready=False)
        wait_text(page, "#banners", "wrong token")
        assert "S-secret" not in page.content()
        assert page.locator(".tile").count() == 0
        other = show("about:blank", ready=False)
        answer = other.goto(url.replace("127.0.0.1", browser.ELSEWHERE))
        assert answer.status == 421
        assert "S-secret" not in other.content()


def test_a_tab_with_a_wrong_token_disturbs_no_other(chromium: Any, tmp_path: Path) -> None:
    """Each tab has its own token; one without a good one takes that of a tab that was let in."""
    errors: list[str] = []
    with browser.served(make_case(tmp_path / "case", 3, status=REVIEW)) as (url, case):
        context = chromium.new_context(viewport={"width": 1280, "height": 720})
        context.set_default_timeout(WAIT)
        page = show_in(context, url, errors)
        show_in(context, re.sub("token=.*", "token=wrong", url), errors)
        page.keyboard.press("2")
        wait_text(page, "#progress-text", "2 open")
        settled(page)
        page.reload()
        page.wait_for_selector("body.ready")
        show_in(context, url.split("#")[0], errors)
        assert [each.new for each in case.decisions] == ["lymphocyte"]
        context.close()
    assert errors == []


def test_the_sign_off_shows_what_it_signs(show: Callable[..., Any], tmp_path: Path) -> None:
    """While decisions are on their way nothing can be signed, and the differential is that of all of them."""
    with browser.served(make_case(tmp_path / "case", 6, status=REVIEW)) as (url, case):
        page = show(url)
        held: list[Any] = []
        page.route("**/api/decide", lambda route: held.append(route))
        for key in "112233":
            page.keyboard.press(key)
        wait_text(page, "#progress-text", "none open")
        page.keyboard.press("s")
        assert text(page, "#sign-body") == "Decisions are being saved…"
        assert page.is_disabled("#sign-confirm")
        page.keyboard.press("Enter")
        while case.open_cells:
            page.wait_for_timeout(20)
            while held:
                held.pop(0).continue_()
        wait_text(page, "#sign-body", "monocyte")
        rows = [row.split() for row in text(page, "#sign-body table").splitlines()]
        assert [row[:2] for row in rows] == [["neutrophil", "2"], ["lymphocyte", "2"], ["monocyte", "2"]]
        other = show(url)
        other.keyboard.press("End")
        other.keyboard.press("5")
        settled(other)
        wait_text(page, "#sign-error", "The case changed meanwhile: look at it again.")
        wait_text(page, "#sign-body", "basophil")
        page.keyboard.press("Enter")
        wait_text(page, "#case-state", "signed")
        assert [line["n"] for line in case.sign_offs[0].seen["differential"]["lines"][:5]] == [2, 2, 1, 0, 1]


def test_a_reload_keeps_what_was_shown(show: Callable[..., Any], tmp_path: Path) -> None:
    """The sign-off does not say that cells were not shown because the page was loaded again."""
    with browser.served(make_case(tmp_path / "case", 6, status=REVIEW)) as (url, case):
        page = show(url)
        page.keyboard.press("a")
        page.keyboard.press("1")
        wait_text(page, "#progress-text", "none open")
        settled(page)
        page.keyboard.press("s")
        while "6 of 6 cells" not in text(page, "#sign-body"):
            page.keyboard.press("Escape")
            page.wait_for_timeout(100)
            page.keyboard.press("s")
        page.reload()
        page.wait_for_selector("body.ready")
        page.keyboard.press("s")
        wait_text(page, "#sign-body", "6 of 6 cells")
        page.keyboard.press("Enter")
        wait_text(page, "#case-state", "signed")
        assert case.sign_offs[0].seen["shown"] == 6


def test_an_image_that_cannot_be_read_is_only_left_out(show: Callable[..., Any], tmp_path: Path) -> None:
    """Its tile says that there is no image; a type is refused with the reason, and the page goes on."""
    folder = make_case(tmp_path / "case", 3, status=(Status.ERROR,))
    for crop in (folder / "crops").iterdir():
        crop.unlink()
    with browser.served(folder) as (url, case):
        page = show(url)
        page.wait_for_selector(".tile.focused .thumb.none")
        content = "getComputedStyle(document.querySelector('.tile.focused .thumb'), '::after').content"
        assert page.evaluate(content) == '"no image"'
        page.keyboard.press("2")
        wait_text(page, "#banners", "could not be read, so nobody has seen a cell in it: decide 'not a cell'")
        wait_text(page, "#progress-text", "3 open cells")
        for _ in range(3):
            page.keyboard.press("Home")
            page.keyboard.press("x")
        wait_text(page, "#progress-text", "none open")
        settled(page)
        assert text(page, "#banners") == ""
        assert [each.new for each in case.decisions] == ["not a cell"] * 3


def test_markup_in_names_is_text(show: Callable[..., Any], tmp_path: Path) -> None:
    """In the name of a file, of a class, of a case and of a person."""
    evil = "<img src=x onerror=alert(1)>"
    folder = make_case(
        tmp_path / "case", 6, status=REVIEW, name=f"{evil}<script>alert(2)<\\script>", image=evil + "{}.jpg",
        classes=(*CLASSES, "<script>alert(3)</script>"),
    )  # fmt: skip
    with browser.served(folder, by=f"{evil}A") as (url, case):
        page = show(url)
        assert text(page, "#case-name").startswith(evil)
        wait_text(page, "#detail-file", evil)
        page.click("button[data-label^='<script>']")
        settled(page)
        wait_text(page, "#progress-text", "5 open")
        page.keyboard.press("End")
        wait_text(page, "#detail-title", "<script>alert(3)</script>")
        wait_text(page, "#history", f"{evil}A")
        assert case.decisions[0].new == "<script>alert(3)</script>"
        own = (app.STATIC / "index.html").read_text(encoding="utf-8").count("<script")
        assert page.evaluate("document.querySelectorAll('script').length") == own
        assert page.evaluate("document.querySelectorAll('img:not([id]):not(.tile img)').length") == 0


def test_views_of_a_cell(show: Callable[..., Any], tmp_path: Path) -> None:
    """Enlarged, in its field with a box, with its map; keys assign meanwhile."""
    folder = make_case(tmp_path / "case", 12, status=REVIEW)
    crop = (folder / "crops" / "00000.jpg").read_bytes()

    def maps(_: CaseCell) -> bytes:
        return crop

    with browser.served(folder, maps=Maps(maps, "what it shows")) as (url, case):
        page = show(url)
        page.keyboard.press("f")
        page.wait_for_selector("#stage-box", state="visible")
        box, image = (page.locator(name).bounding_box() for name in ("#stage-box", "#stage-image"))
        left, top, width, height = case.cell(1).box or (0, 0, 0, 0)
        assert (box["x"] - image["x"]) / image["width"] == pytest.approx(left / 720, abs=0.01)
        assert (box["y"] - image["y"]) / image["height"] == pytest.approx(top / 480, abs=0.01)
        assert box["width"] / image["width"] == pytest.approx(width / 720, abs=0.02)
        assert box["height"] / image["height"] == pytest.approx(height / 480, abs=0.02)
        page.keyboard.press("v")
        page.keyboard.press("m")
        page.wait_for_selector("#stage-overlay", state="visible")
        assert text(page, "#stage-caption") == "what it shows"
        before = page.locator("#stage-image").bounding_box()["width"]
        page.keyboard.press("+")
        assert page.locator("#stage-image").bounding_box()["width"] > before
        page.keyboard.press("3")
        settled(page)
        wait_text(page, "#stage-title", "Cell 11")
        assert case.cell(1).label == "monocyte"
        page.keyboard.press("Escape")
        assert not page.is_visible("#stage")


def test_a_tablet_needs_no_keys(show: Callable[..., Any], tmp_path: Path) -> None:
    """Taps alone: decide, undo, several at once, a whole group, enlarge and go on to the next cell, sign."""
    with browser.served(make_case(tmp_path / "case", 12, status=REVIEW)) as (url, case):
        page = show(url, has_touch=True)
        page.set_viewport_size({"width": 820, "height": 1180})
        page.tap("#c2")
        page.tap("#c1")
        page.tap("button[data-label='blast']")
        wait_text(page, "#progress-text", "11 open")
        page.tap("#undo:enabled")
        wait_text(page, "#progress-text", "12 open")
        page.tap("#c2")
        page.tap("#select")
        page.tap("#c1")
        page.tap("#c3")
        wait_text(page, "#detail-title", "2 cells selected")
        page.tap("button[data-label='monocyte']")
        wait_text(page, "#progress-text", "10 open")
        page.tap(".group[data-key='open'] .group-title")
        wait_text(page, "#detail-title", "10 cells selected")
        page.tap("#select")
        page.tap("#c11")
        page.tap("#show-large")
        wait_text(page, "#stage-title", "Cell 11: open")
        page.tap("#stage-after")
        wait_text(page, "#stage-title", "Cell 6: open")
        page.tap("#stage-before")
        wait_text(page, "#stage-title", "Cell 11: open")
        page.tap("#stage-close")
        page.tap("#select")
        page.tap(".group[data-key='open'] .group-title")
        page.tap("button[data-label='uncertain']")
        wait_text(page, "#progress-text", "none open")
        settled(page)
        page.tap("#sign")
        page.tap("#sign-confirm:enabled")
        wait_text(page, "#case-state", "signed")
        assert [each.n for each in case.differential().lines if each.n] == [2, 10]


def test_a_screen_reader_is_told(show: Callable[..., Any], tmp_path: Path) -> None:
    """Roles, names and states of the gallery; what a key did is spoken; every button has a name."""
    folder = make_case(tmp_path / "case", 12)
    with browser.served(folder) as (url, _):
        page = show(url)
        active = page.evaluate("document.querySelector('#gallery').getAttribute('aria-activedescendant')")
        assert "open, software:" in page.get_attribute(f"#{active}", "aria-label")
        assert page.get_attribute(f"#{active}", "role") == "option"
        assert page.get_attribute(f"#{active}", "aria-setsize") == "6"
        page.keyboard.press("2")
        wait_text(page, "#spoken", "lymphocyte. 5 open.")
        named = "b => b.getAttribute('aria-label') || b.textContent.trim() || b.title"
        assert page.evaluate(f"[...document.querySelectorAll('button')].every({named})")
        assert page.get_by_role("combobox", name="Show").count() == 1
        page.get_by_role("group", name="monocyte, 1 cell", exact=True).wait_for(state="attached")
        page.keyboard.press("?")
        assert page.is_visible("#help-dialog")
        page.uncheck("#help-single")
        page.keyboard.press("Escape")
        page.keyboard.press("3")
        page.keyboard.press("ArrowRight")
        assert "5 open" in text(page, "#progress-text")


def test_only_what_is_on_the_screen_is_drawn(show: Callable[..., Any], tmp_path: Path) -> None:
    """Of many cells a few are elements, at the end of the list too."""
    folder = make_case(tmp_path / "case", 800)
    with browser.served(folder) as (url, _):
        page = show(url)
        for key in ("End", "Home", "PageDown"):
            page.keyboard.press(key)
            page.wait_for_selector(".tile.focused img")
            assert page.locator(".tile").count() < 150


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (820, 1180), (390, 844)])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_everything_fits(chromium: Any, narrow: tuple[str, Case], width: int, height: int, look: str) -> None:
    """Nothing is wider than the screen, and all buttons are on it; light and dark, at three sizes."""
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=look)
    page = show_in(context, narrow[0], [])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".cells").bounding_box()["height"] >= min(190, height / 4)
    for name in ("#sign", "#help", "#filter", "#progress", "button[data-label='not a cell']")[
        : 5 if width > 600 else 4
    ]:
        box = page.locator(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", back)[0]) < 60) == (look == "dark")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != back
    context.close()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Case]]:
    """Return the address of a small case that tests only look at."""
    folder = make_case(tmp_path_factory.mktemp("looks") / "case", 12, warning="These images are far off. " * 20)
    with browser.served(folder) as served:
        yield served

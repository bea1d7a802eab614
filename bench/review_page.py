"""How smooth the review page is with a large case: `python -m bench.review_page`, on a machine that does nothing else.

A case of synthetic cells is served by `edgewbc review` in a process of its own, and opened in a headless Chromium:

- opening: from the request of the address to the first paint, to the first cells, and to all images on the screen, each
  time without a cache;
- scrolling: the time between frames while the gallery scrolls without a pause;
- keys: from a key press to the frame that shows its decision, and until the server has saved it.

Times are medians and the worst; a headless browser draws with the CPU, where a screen has a GPU.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.bench import machine
from edgewbc.cases.case import Case
from edgewbc.errors import UserError, exit_code
from edgewbc.lab.results import Status
from edgewbc.utils.browser import find_browser
from edgewbc.utils.files import write_json
from edgewbc.utils.json_values import plain
from edgewbc.utils.optional import need
from edgewbc.utils.text import utc_now

FORMAT = 1
CELLS, LOADS, FRAMES, KEYS = 10_000, 5, 600, 60
SCREEN = (1280, 720)
LONG_MS = 50.0
"""Length of a frame in ms from which a person notices it."""
PATIENCE_S = 120.0
PAUSE_MS = 120
"""Between two key presses."""

WATCH = """
window.marks = {};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.marks[entry.name] = entry.startTime;
}).observe({ type: "paint", buffered: true });
const look = () => {
  const gallery = document.getElementById("gallery");
  const frame = gallery?.getBoundingClientRect();
  const tiles = [...document.querySelectorAll(".tile")].filter((tile) => {
    const box = tile.getBoundingClientRect();
    return box.top < frame.bottom && box.bottom > frame.top;
  });
  const now = performance.now();
  if (tiles.length) window.marks.cells ??= now;
  const shown = (tile) => tile.querySelector("img")?.complete;
  if (tiles.length && tiles.every(shown)) window.marks.images ??= now;
  if (window.marks.images === undefined) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SCROLL = """
(frames) => new Promise((done) => {
  const gallery = document.getElementById("gallery");
  const lengths = [];
  let before = performance.now();
  const step = (now) => {
    lengths.push(now - before);
    before = now;
    gallery.scrollTop += 90;
    if (lengths.length < frames) requestAnimationFrame(step);
    else done(lengths.slice(2));
  };
  requestAnimationFrame(step);
})
"""
KEY = """
() => {
  window.shown = [];
  window.saved = [];
  document.addEventListener("keydown", (event) => {
    const pressed = event.timeStamp;
    const text = document.getElementById("progress-text");
    const before = text.textContent;
    const look = () => {
      if (text.textContent === before) {
        requestAnimationFrame(look);
        return;
      }
      const channel = new MessageChannel(); // its message comes after the frame is painted
      channel.port1.onmessage = () => window.shown.push(performance.now() - pressed);
      channel.port2.postMessage(0);
    };
    const wait = () => {
      if (document.body.classList.contains("busy")) setTimeout(wait, 1);
      else window.saved.push(performance.now() - pressed);
    };
    requestAnimationFrame(look);
    setTimeout(wait, 0);
  }, true);
}
"""


@dataclass(frozen=True)
class Times:
    """Times in ms.

    Attributes:
        n: number of measurements.
        median, p95, worst: of them.
    """

    n: int
    median: float
    p95: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Times:
        """Summarize measurements in ms. Raises ValueError if there are none."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(len(values), *(round(float(each), 1) for each in (*np.percentile(values, (50, 95)), np.max(values))))

    def __str__(self) -> str:
        """Return the times in words."""
        return f"median {self.median:.0f} ms, 95 % within {self.p95:.0f} ms, worst {self.worst:.0f} ms (n = {self.n})"


@dataclass(frozen=True)
class Smoothness:
    """What was measured of the page.

    Attributes:
        cells: of the case.
        screen: width and height of the window, in pixels.
        first_paint, first_cells, all_images: from the request, for a page without a cache.
        frame: between two frames while scrolling.
        long_frames: number of those longer than `LONG_MS`.
        key_shown, key_saved: from a key press.
    """

    cells: int
    screen: tuple[int, int]
    first_paint: Times
    first_cells: Times
    all_images: Times
    frame: Times
    long_frames: int
    key_shown: Times
    key_saved: Times

    @property
    def lines(self) -> list[str]:
        """The result in words, a line each."""
        return [
            f"{self.cells} cells, {self.screen[0]}x{self.screen[1]}",
            f"first paint      {self.first_paint}",
            f"first cells      {self.first_cells}",
            f"all images       {self.all_images}",
            f"frames scrolling {self.frame}; {self.long_frames} longer than {LONG_MS:.0f} ms",
            f"key to screen    {self.key_shown}",
            f"key to disk      {self.key_saved}",
        ]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a case with the command in a process of its own; yield the address."""
    command = [sys.executable, "-m", "edgewbc", "review", str(folder), "--no-open", "--by", "bench"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)), None)
            if found is None:
                raise UserError("edgewbc review did not start")
            yield found[0]
        finally:
            process.kill()


def wait(page: Any, condition: str) -> None:
    """Wait until a condition holds on the page. (Its policy forbids playwright's own way.)

    Raises:
        UserError: it does not hold after two minutes.
    """
    end = time.monotonic() + PATIENCE_S
    while not page.evaluate(condition):
        if time.monotonic() > end:
            raise UserError(f"the page did not get so far in {PATIENCE_S:.0f} s: {condition}")
        page.wait_for_timeout(20)


def measure(folder: Path, cells: int, loads: int = LOADS, frames: int = FRAMES, keys: int = KEYS) -> Smoothness:
    """Measure the page of a case.

    Args:
        folder: of the case, with open cells.
        cells: number of its cells.
        loads: number of times that the page is opened.
        frames: number of frames that the gallery scrolls.
        keys: number of key presses.

    Raises:
        UserError: there is no browser, or playwright is not installed.
    """
    need("playwright", "python -m bench.review_page")
    from playwright.sync_api import sync_playwright

    program = os.environ.get("EDGEWBC_CHROMIUM") or find_browser()
    if program is None:
        raise UserError("no Chromium, Chrome or Edge was found on this PC")
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        size: Any = {"width": SCREEN[0], "height": SCREEN[1]}
        marks: list[dict[str, float]] = []
        for _ in range(loads):
            context: Any = browser.new_context(viewport=size)
            context.set_default_timeout(120_000)
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto(address)
            wait(page, "window.marks.images !== undefined && 'first-contentful-paint' in window.marks")
            marks.append(page.evaluate("window.marks"))
            if len(marks) < loads:
                context.close()
        page.wait_for_timeout(1000)
        lengths = page.evaluate(SCROLL, frames)
        page.evaluate("document.getElementById('gallery').scrollTop = 0")
        page.keyboard.press("Home")
        page.wait_for_timeout(500)
        page.evaluate(KEY)
        for index in range(keys):
            page.keyboard.press("12345"[index % 5])
            page.wait_for_timeout(PAUSE_MS)
        wait(page, f"window.saved.length >= {keys} && window.shown.length >= {keys}")
        shown, saved = page.evaluate("[window.shown, window.saved]")
        browser.close()
    return Smoothness(
        cells,
        SCREEN,
        Times.of([each["first-contentful-paint"] for each in marks]),
        Times.of([each["cells"] for each in marks]),
        Times.of([each["images"] for each in marks]),
        Times.of(lengths),
        sum(length > LONG_MS for length in lengths),
        Times.of(shown),
        Times.of(saved),
    )


def run(out: Path, cells: int, loads: int, frames: int, keys: int) -> None:
    """Make a case, measure its page and write the result."""
    from tests.review.cases import make_case  # the case of the page's tests

    with tempfile.TemporaryDirectory(prefix="edgewbc-") as temporary:
        folder = make_case(Path(temporary) / "case", cells, status=(Status.OK, Status.REVIEW))
        found = measure(folder, cells, loads, frames, keys)
        kept = len(Case.read(folder).decisions)
    if kept != keys:
        raise UserError(f"{keys} keys were pressed, and the journal has {kept} decisions")
    print("\n".join(found.lines))
    values = {"format": FORMAT, "at": utc_now(), "machine": plain(machine.describe()), **asdict(found)}
    write_json(out, values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.review_page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("bench/results/review.json"), help="JSON file of results")
    parser.add_argument("--cells", type=int, default=CELLS, help=f"cells of the case (default {CELLS})")
    parser.add_argument("--loads", type=int, default=LOADS, help=f"times the page is opened (default {LOADS})")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"frames that it scrolls (default {FRAMES})")
    parser.add_argument("--keys", type=int, default=KEYS, help=f"keys that are pressed (default {KEYS})")
    options = parser.parse_args(arguments)
    return exit_code(lambda: run(options.out, options.cells, options.loads, options.frames, options.keys))


if __name__ == "__main__":
    sys.exit(main())

"""What the documentation names exists: files, folders, links and the site."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import TOP, pages

NAMED = re.compile(
    r"`((?:edgewbc|bench|tests|recipes|export|docs)/[\w./-]*|[a-z_]+/[\w./-]*\.py|[a-z_]+/|[a-z_]+\.py)`"
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
ANCHORED = re.compile(r"\]\(((?:[\w./-]+\.md)?)#([^)\s]+)\)")
VARIABLE = re.compile(r"\bEDGEWBC_[A-Z_]+\b")
TEXTS = {".md", ".py", ".toml", ".yaml", ".yml", ".js", ".css", ".html", ".j2", ".tmpl"}
MADE = {
    "openvino/",
    "onnx/",
    "pbc/",
    "bccd/",
    "jtsc/",
    "site/",
    "manifests/",
    "tracking/",
    "docs/cli.md",
    "docs/results.md",
    "export/bundles.pub",
}
"""Folders and files that commands make, or that a data set has."""


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_named_files_exist(page: Path) -> None:
    """Every file and folder of the repository that a page names is there; rooms are named without `edgewbc/`."""
    names = set(NAMED.findall(page.read_text(encoding="utf-8"))) - MADE
    places = [TOP, TOP / "edgewbc", TOP / "edgewbc" / "runtime"]
    assert [name for name in sorted(names) if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """Links within the repository lead to files."""
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.skipif(importlib.util.find_spec("material") is None, reason="needs the docs extra")
def test_the_site_builds_and_refers_to_nothing_outside(tmp_path: Path) -> None:
    """`mkdocs build --strict` has no warning, and no page loads anything from the network."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html"))
    assert re.findall(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>""", text) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_to_sections(page: Path) -> None:
    """The part after # is the anchor of a heading of the page that it leads to."""
    wrong = []
    for link, anchor in ANCHORED.findall(page.read_text(encoding="utf-8")):
        target = page.parent / link if link else page
        if target.suffix == ".md" and anchor not in _anchors(target.read_text(encoding="utf-8")):
            wrong.append(f"{link}#{anchor}")
    assert wrong == []


def _anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_no_file_has_an_unresolved_conflict() -> None:
    """The marks that git leaves in a file after a conflict are in no text of the repository."""
    marks = tuple(7 * mark + " " for mark in "<>")
    folders = ("docs", "edgewbc", "bench", "tests", "recipes", ".github")
    files = [file for folder in folders for file in (TOP / folder).rglob("*") if file.suffix in TEXTS]
    files += [file for file in TOP.iterdir() if file.suffix in TEXTS]
    assert len(files) > 1000
    assert [file for file in files for line in _lines(file) if line.startswith(marks)] == []


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def test_environment_variables_are_described() -> None:
    """Each variable that the package reads is in docs/troubleshooting.md."""
    described = set(VARIABLE.findall((TOP / "docs" / "troubleshooting.md").read_text(encoding="utf-8")))
    sources = (line for file in (TOP / "edgewbc").rglob("*.py") for line in _lines(file))
    assert {name for line in sources for name in VARIABLE.findall(line)} <= described


def test_the_architecture_lists_every_room() -> None:
    """Each folder of the package, and each module at its top, has a line in docs/architecture.md."""
    text = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = sorted(path.parent.name for path in (TOP / "edgewbc").glob("*/__init__.py"))
    assert [room for room in rooms if f"| `{room}/` |" not in text] == []
    modules = sorted(path.name for path in (TOP / "edgewbc").glob("[a-z]*.py"))
    assert [module for module in modules if f"`{module}`" not in text] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/extending.md"])
def test_named_functions_are_in_the_named_files(page: str) -> None:
    """Where a page says `NAME` in `FILE`, the file holds that name."""
    text = " ".join((TOP / page).read_text(encoding="utf-8").split())
    found = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `(edgewbc/[\w/]+\.py)`", text)
    assert found
    wrong = [
        f"{name} in {file}"
        for first, second, file in found
        for name in (first, second)
        if name and not re.search(rf"\b{name}\b", (TOP / file).read_text(encoding="utf-8"))
    ]
    assert wrong == []

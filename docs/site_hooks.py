"""MkDocs hooks: files that a page links to outside of docs/, such as figures, become part of the site."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")
TOP = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every file outside of docs/ that a page links to."""
    for file in list(files.documentation_pages()):
        for match in LINK.finditer(file.content_string):
            source = TOP / match[1]
            if source.is_file() and files.get_file_from_path(match[1]) is None:
                files.append(File.generated(config, match[1], abs_src_path=str(source)))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep a short option such as `--wheels` on one line: browsers break lines after a hyphen."""
    return re.sub(r"<code>(--?[\w-]{1,24})</code>", r'<code class="option">\1</code>', html)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that lead out of docs/ to those copies; a link to a folder becomes plain text."""
    text = re.sub(r"\[([^\]]*)\]\(\.\./[^)]*/\)", r"\1", markdown)
    return LINK.sub(r"](\1)", text)

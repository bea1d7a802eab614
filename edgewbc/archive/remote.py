"""Images behind URLs: fetched through fsspec into a temporary folder, some ahead of the one that is classified."""

from __future__ import annotations

import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from edgewbc.archive.cluster import ARCHIVE
from edgewbc.errors import UserError
from edgewbc.images.discover import is_url
from edgewbc.images.files import MAX_BYTES, FileVersion
from edgewbc.lab.prepared_image import ImageResult
from edgewbc.utils.files import NotAFile
from edgewbc.utils.optional import need

AHEAD = 16
"""Files that are fetched at the same time: storage behind a network answers each request late, but many at once."""

_BLOCK = 8 << 20
"""Bytes that each of them holds in memory."""


class LocalCopies:
    """Paths at which images can be read: a file's own, or that of a temporary copy of what a URL leads to."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._failed: dict[str, str] = {}
        self._copies: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> LocalCopies:
        if any(map(is_url, self._names)):
            self._folder = tempfile.TemporaryDirectory(prefix="edgewbc-")
            self._pool = ThreadPoolExecutor(AHEAD, "edgewbc-fetch")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            self._folder.cleanup()

    def paths(self) -> Iterator[Path]:
        """Yield the path of each image, in order; a URL that cannot be fetched has a path at which there is no file.

        Raises:
            UserError: the package that knows this kind of URL is not installed.
        """
        if self._pool is None or self._folder is None:
            yield from map(Path, self._names)
            return
        waiting: deque[tuple[str, Future[None] | None]] = deque()
        ahead = iter(enumerate(self._names))
        while True:
            while len(waiting) < 2 * AHEAD and (following := next(ahead, None)) is not None:
                number, name = following
                future = None
                if is_url(name):
                    copy = self._copies[name] = Path(self._folder.name) / str(number)
                    future = self._pool.submit(self._fetch, name, copy)
                waiting.append((name, future))
            if not waiting:
                return
            name, future = waiting.popleft()
            if future is not None:
                future.result()
            yield self._copies.get(name, Path(name))

    def finish(self, name: str, result: ImageResult) -> ImageResult:
        """Return the result as that of the URL, and remove the copy; that of a file is returned as it is."""
        copy = self._copies.pop(name, None)
        if copy is None:
            return result
        copy.unlink(missing_ok=True)
        version = FileVersion(result.version.size, 0)
        return replace(result, version=version, error=self._failed.pop(name, result.error))

    def _fetch(self, url: str, copy: Path) -> None:
        core = need("fsspec.core", "a URL", ARCHIVE)
        scheme, separator, rest = url.partition("://")
        try:
            files, path = core.url_to_fs(f"{scheme.lower()}{separator}{rest}")
        except ImportError as error:
            raise UserError(f"{url}: {error}: install what fsspec needs for it on each machine") from None
        except ValueError as error:
            raise UserError(f"{url}: {error}: name a URL that fsspec knows") from None
        except Exception as error:  # such as an archive (zip://cell.jpg::s3://bucket/cells.zip) that is not there
            self._failed[url] = f"cannot be fetched: {_first_line(error)}"
            return
        try:
            if "file" in files.protocol and not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
                raise NotAFile("not a file")  # a pipe or a device might never end
            with files.open(path, "rb") as file, _written(copy, url) as write:
                size = 0
                while block := file.read(_BLOCK):
                    size += len(block)
                    if size > MAX_BYTES:
                        raise OverflowError
                    write(block)
        except UserError:
            raise
        except OverflowError:
            self._failed[url] = f"too large: the file has more than {MAX_BYTES >> 20} MiB"
        except Exception as error:  # each kind of storage has errors of its own
            self._failed[url] = f"cannot be fetched: {_first_line(error)}"
        if url in self._failed:
            copy.unlink(missing_ok=True)


@contextmanager
def _written(copy: Path, url: str) -> Iterator[Callable[[bytes], None]]:
    """Yield what appends to a new file. Raises UserError if there is no room."""

    def write(block: bytes) -> None:
        left = memoryview(block)
        with _room(copy, url):
            while left:
                left = left[file.write(left) :]

    with _room(copy, url):
        file = copy.open("wb", buffering=0)
    with file:
        yield write


@contextmanager
def _room(copy: Path, url: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{copy.parent}: {url} cannot be copied there ({error.strerror}): make room") from None


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__

"""Several copies of one model, so that several threads can run batches at the same time.

With several streams of one compiled model, a batch is handed to a thread of the runtime and back, and two batches may
wait for the same stream. While images are decoded alongside, that leaves cores idle: 1/10 of the time with wbc5-edge on
two cores, half as much with a compiled model per batch (PBC test, n = 1,536). Compiling in parallel is faster too.

Only the first copy is compiled at once: for a few images it is enough, and compiling is a tenth of the start.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue

from edgewbc.runtime.predictor import Batch, Prediction, Predictor


class PredictorPool(Predictor):
    """A fixed number of predictors of one model, called like a single one.

    Attributes:
        info: info of the first predictor, with the `threads` and `streams` of all of them together.
    """

    def __init__(self, make: Callable[[], Predictor], count: int, threads: int) -> None:
        """Compile the first predictor; each of the others is made when a batch finds none idle, or by `fill`.

        Args:
            make: makes a predictor that runs one batch at a time; called by several threads at once.
            count: number of predictors, 1 or more.
            threads: total number of cores that callers may use; need not be a multiple of `count`.

        Raises:
            UserError: raised by `make`.
        """
        self._first = make()  # a runtime is first used from a single thread (see `openvino_import.first_use`)
        self.info = replace(self._first.info, threads=threads, streams=count)
        self._make, self._unmade = make, iter(range(1, count))
        self._idle: SimpleQueue[Predictor] = SimpleQueue()
        self._idle.put(self._first)

    def fill(self) -> None:
        """Compile the predictors that are left, in parallel, so that no batch waits for that. Raises UserError."""
        if unmade := list(self._unmade):
            with ThreadPoolExecutor(len(unmade)) as executor:
                for predictor in executor.map(lambda _: self._make(), unmade):
                    self._idle.put(predictor)

    def __call__(self, images: Batch) -> Prediction:
        """Run one batch, uint8 RGB (n, height, width, 3), as soon as a predictor is idle. Thread-safe.

        Raises:
            ValueError: `images` has another shape or dtype.
            UserError: a predictor cannot be made.
        """
        predictor = self._take()
        try:
            return predictor(images)
        finally:
            self._idle.put(predictor)

    def kernels(self) -> dict[str, int] | None:
        """Count the layers of one predictor by the precision they run in; see `Predictor.kernels`."""
        return self._first.kernels()

    def _take(self) -> Predictor:
        with suppress(Empty):
            return self._idle.get_nowait()
        if next(self._unmade, None) is not None:  # each number is given to one thread
            return self._make()
        return self._idle.get()

"""Several copies of one model, so that several threads can run batches at the same time.

With several streams of one compiled model, a batch is handed to a thread of the runtime and back, and two batches may
wait for the same stream. While images are decoded alongside, that leaves cores idle: 1/10 of the time with wbc5-edge on
two cores, half as much with a compiled model per batch (PBC test, n = 1,536). Compiling in parallel is faster too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

from edgewbc.runtime.predictor import Batch, Prediction, Predictor


class PredictorPool(Predictor):
    """A fixed number of predictors of one model, called like a single one.

    Attributes:
        info: info of the first predictor, with the `threads` and `streams` of all of them together.
    """

    def __init__(self, make: Callable[[], Predictor], count: int, threads: int) -> None:
        """Compile the predictors: the first one alone, the others in parallel.

        Args:
            make: makes a predictor that runs one batch at a time.
            count: number of predictors, 1 or more.
            threads: total number of cores that callers may use; need not be a multiple of `count`.

        Raises:
            UserError: raised by `make`.
        """
        first = make()  # a runtime is first used from a single thread (see `openvino_import.first_use`)
        self._predictors = [first]
        if count > 1:
            with ThreadPoolExecutor(count - 1) as executor:
                self._predictors += executor.map(lambda _: make(), range(count - 1))
        self.info = replace(first.info, threads=threads, streams=count)
        self._idle: SimpleQueue[Predictor] = SimpleQueue()
        for predictor in self._predictors:
            self._idle.put(predictor)

    def __call__(self, images: Batch) -> Prediction:
        """Run one batch, uint8 RGB (n, height, width, 3), as soon as a predictor is idle. Thread-safe.

        Raises:
            ValueError: `images` has another shape or dtype.
        """
        predictor = self._idle.get()
        try:
            return predictor(images)
        finally:
            self._idle.put(predictor)

    def kernels(self) -> dict[str, int] | None:
        """Count the layers of one predictor by the precision they run in; see `Predictor.kernels`."""
        return self._predictors[0].kernels()

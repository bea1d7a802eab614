"""The network on the lab's CPU several times over: whoever asks is answered by a thread of its own.

With several streams of one compiled model, a batch is handed to a thread of the runtime and back, and two may wait for
the same stream. Beside the decoding of pictures that leaves cores idle: a tenth of the time with wbc5-edge on two
cores, half as much with a model for each batch (PBC, test, n = 1,536). Compiling side by side is quicker too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.runtime.openvino_engine import Engine, Prediction


class Lanes:
    """As many engines of one model as there are batches to be answered side by side; called as an `Engine` is.

    Attributes:
        info: of an engine (see `Engine`), but `threads` and `streams` of all together.
    """

    info: dict[str, Any]

    def __init__(self, make: Callable[[], Engine], count: int, threads: int) -> None:
        """Compile them: the first one alone, the others at the same time.

        Args:
            make: makes an engine that answers a batch at a time.
            count: how many, 1 or more.
            threads: of all together: the cores that whoever asks may use. They need not be a multiple of `count`.

        Raises:
            UserError: what `make` raises.
        """
        engines = [make()]  # OpenVINO's first use, from one thread alone (see `runtime.first_use`)
        if count > 1:
            with ThreadPoolExecutor(count - 1) as pool:
                engines += pool.map(lambda _: make(), range(count - 1))
        self.info = {**engines[0].info, "threads": threads, "streams": count}
        self._free: SimpleQueue[Engine] = SimpleQueue()
        for engine in engines:
            self._free.put(engine)

    def __call__(self, pictures: NDArray[np.uint8]) -> Prediction:
        """Answer one batch, uint8 RGB (n, height, width, 3), as soon as an engine is free; several threads may ask.

        Raises:
            ValueError: not of that shape or type.
        """
        engine = self._free.get()
        try:
            return engine(pictures)
        finally:
            self._free.put(engine)

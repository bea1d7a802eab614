"""Refuse a model that does not reproduce its bundle's golden samples on this PC.

The checksums of a bundle show that its files are right, not that this PC computes the right predictions from them: a
CPU without VNNI adds pairs of int8 products in 16 bits, which saturate unless the weights were quantized for it, and
another version of the runtime may have other kernels. A model that passes is remembered in the cache folder, so that
this costs a fraction of a second, once.
"""

from __future__ import annotations

import contextlib

from edgewbc._version import __version__
from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.runtime import host, tuning_cache
from edgewbc.runtime.predictor import ModelInfo, Predictor

_FORMAT = 2
_passed: set[tuple[object, ...]] = set()


def require(bundle: Bundle, predictor: Predictor, precision: str) -> None:
    """Run the golden samples unless this model passed them here before; bundles without any are not checked.

    Args:
        bundle: of the model.
        predictor: the model, compiled.
        precision: of the model's file.

    Raises:
        UserError: the predictions differ by more than the bundle allows.
    """
    if not bundle.manifest.tolerance:
        return
    key = _key(bundle, predictor.info, precision)
    name = tuple(key.items())
    if name in _passed or tuning_cache.knows_model(key):
        _passed.add(name)
        return
    from edgewbc.runtime.selftest import GoldenSamples, mend  # noqa: PLC0415 - only the first time

    check = GoldenSamples.from_bundle(bundle).check(predictor, precision)
    if not check.ok:
        info = predictor.info
        others = [each for each in bundle.precisions if each != precision and bundle.holds(info.backend, each)]
        what = f"try --precision {others[0]}" if others else mend(info.isa)
        raise UserError(
            f"{bundle.path}: {precision} does not reproduce its golden samples on this PC "
            f"({info.isa or info.backend}): {'; '.join(check.faults)}: {what}"
        )
    _passed.add(name)
    with contextlib.suppress(OSError):  # then it is checked again next time
        tuning_cache.remember_model(key)


def _key(bundle: Bundle, info: ModelInfo, precision: str) -> dict[str, str | int | None]:
    """Return everything that must be unchanged for a passed check to hold."""
    return {
        "format": _FORMAT,
        "golden": tuning_cache.bundle_hash(bundle),
        "precision": precision,
        "compute": info.compute,
        "backend": info.backend,
        "version": info.version,
        "isa": info.isa,
        "cpu": host.processor(),
        "edgewbc": __version__,
    }

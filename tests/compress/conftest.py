"""What the tests of quantization-aware fine-tuning share."""

from __future__ import annotations

import pytest

from edgewbc.compress import nncf_extension


@pytest.fixture
def _compiled() -> None:
    """Skip the test unless NNCF's quantizers are compiled: without them a step takes seconds."""
    if not nncf_extension.is_built(nncf_extension.folder()):
        pytest.skip("NNCF's quantizers are not compiled here: edgewbc quantize --qat does that")

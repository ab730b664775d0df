"""Where chunks can be embedded in bf16."""

import pytest

from partitioned_rag.embedding.precision import BF16, best_precision

needs_bf16 = pytest.mark.skipif(
    best_precision() != BF16, reason="needs OpenVINO, and a processor that multiplies bf16"
)

"""Some seconds of the fuzzer; `make fuzz` runs it for ten minutes."""

from __future__ import annotations

import pytest

from .fuzz import fuzz


@pytest.mark.parametrize("multi_model", [False, True])
def test_nonsense_neither_ends_nor_hangs_nor_fattens_the_server(multi_model):
    found = fuzz(4, seed=20261128, multi_model=multi_model)
    assert found["requests"] >= 48 and found["400"] > 0 and found["200"] > 0 and "500" not in found
    assert found["memory_after"] < found["memory_before"] + 40

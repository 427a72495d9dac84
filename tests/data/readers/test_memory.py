"""A transposed image is laid out as NumPy lays it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_rescunet.data.readers.memory import contiguous


@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    dtype=st.sampled_from([np.uint8, np.int16, ">u2", np.float32, np.bool_]),
)
def test_it_is_numpys_copy(size, dtype):
    stored = np.random.default_rng(0).integers(0, 255, size).astype(dtype)
    laid_out = contiguous(stored.T)
    assert laid_out.flags.c_contiguous
    assert laid_out.dtype == stored.dtype
    assert np.array_equal(laid_out, stored.T)
    wide = contiguous(stored.T, np.int64)
    assert wide.dtype == np.int64
    assert np.array_equal(wide, stored.T)


@pytest.mark.parametrize("shape", [(30,), (3, 40, 50), (0, 7)])
def test_other_shapes_are_taken_too(shape):
    stored = np.arange(np.prod(shape)).reshape(shape)
    assert np.array_equal(contiguous(stored.T), stored.T)

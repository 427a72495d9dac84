"""Small collections are repeated up to their share of a training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monai_rescunet.data import (
    repeat_small_collections,
)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.3, 4), (0.5, 9)])
def test_small_collections_are_repeated_up_to_their_share(share, expected):
    entries = [{"image": str(i), "collection": "large" if i < 90 else "small"} for i in range(100)]
    repeated = repeat_small_collections(entries, share)
    assert sum(entry["collection"] == "small" for entry in repeated) == 10 * expected
    assert sum(entry["collection"] == "large" for entry in repeated) == 90


def test_entries_of_one_collection_stay_as_they_are():
    entries = [{"image": str(i)} for i in range(5)]
    assert repeat_small_collections(entries, 0.3) == entries


def collections_of(*sizes):
    named = zip("abcd", sizes, strict=False)
    return [{"image": f"{name}/{i}", "collection": name} for name, size in named for i in range(size)]


@pytest.mark.parametrize(
    ("sizes", "times", "share"),
    [((843, 103), (1, 4), 0.3), ((562, 68), (1, 4), 0.3), ((68, 562), (4, 1), 0.3), ((100, 60), (1, 2), 0.5)],
)
def test_of_two_collections_each_entry_is_repeated_in_its_place(sizes, times, share):
    """As the shipped weights were trained."""
    entries = collections_of(*sizes)
    expected = entries[: sizes[0]] * times[0] + entries[sizes[0] :] * times[1]
    assert repeat_small_collections(entries, share) == expected


@pytest.mark.parametrize(("sizes", "share"), [((1000, 10, 10), 0.33), ((1000, 10, 10), 1 / 3), ((500, 40, 30, 7), 0.2)])
def test_each_of_many_collections_has_its_share(sizes, share):
    repeated = [entry["collection"] for entry in repeat_small_collections(collections_of(*sizes), share)]
    shares = [repeated.count(name) / len(repeated) for name in set(repeated)]
    assert min(shares) == pytest.approx(share, abs=0.01)


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4), part=st.floats(0, 1))
def test_no_collection_is_more_than_half_a_repetition_below_its_share(sizes, part):
    share = min(part / len(sizes), 0.99)
    repeated = [entry["collection"] for entry in repeat_small_collections(collections_of(*sizes), share)]
    for name, size in zip("abcd", sizes, strict=False):
        had = repeated.count(name)
        assert had % size == 0
        assert had + size / 2 >= share / (1 - share) * (len(repeated) - had) - 1e-6


@pytest.mark.parametrize("share", [1.0, 1.5, -0.1, float("nan")])
def test_a_share_that_none_can_have_is_refused(share):
    with pytest.raises(ValueError, match=r"share is .*; expected one from 0 to below 1"):
        repeat_small_collections(collections_of(4, 2), share)


def test_more_collections_than_shares_are_refused():
    with pytest.raises(ValueError, match="4 collections"):
        repeat_small_collections([{"image": str(i), "collection": str(i)} for i in range(4)], 0.3)

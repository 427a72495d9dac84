"""What each of several processes takes; how they work together is tried in tests/bundle/test_multi_gpu.py."""

import ignite.distributed as idist
import pytest

from monai_rescunet.core.errors import InputError
from monai_rescunet.training.processes import join_processes, share_of_batch, share_of_entries

ENTRIES = [{"image": f"{number}.png"} for number in range(7)]


@pytest.fixture
def process(monkeypatch):
    """Take the place of one of several processes."""

    def take(rank: int, world_size: int) -> None:
        monkeypatch.setattr(idist, "get_rank", lambda: rank)
        monkeypatch.setattr(idist, "get_world_size", lambda: world_size)

    return take


def test_one_process_takes_everything():
    assert share_of_entries(ENTRIES) == ENTRIES
    assert share_of_batch(8) == 8


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_every_entry_goes_to_exactly_one_process(process, processes):
    shares = []
    for rank in range(processes):
        process(rank, processes)
        shares.append(share_of_entries(ENTRIES))
    assert sorted(entry["image"] for share in shares for entry in share) == [entry["image"] for entry in ENTRIES]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_nothing_to_validate_on_is_nothing_for_each(process):
    process(1, 2)
    assert share_of_entries([]) == []


def test_fewer_entries_than_processes_are_refused(process):
    process(0, 8)
    with pytest.raises(InputError, match="7 masses to validate on, which 8 processes cannot share"):
        share_of_entries(ENTRIES)


def test_a_batch_is_the_same_for_any_number_of_processes(process):
    process(0, 4)
    assert share_of_batch(8) == 2


@pytest.mark.parametrize("batch_size", [2, 6])
def test_a_batch_that_cannot_be_shared_evenly_is_refused(process, batch_size):
    process(0, 4)
    with pytest.raises(InputError, match=f"batch_size is {batch_size}.*choose a multiple of 4"):
        share_of_batch(batch_size)


def test_without_torchrun_the_command_is_named():
    with pytest.raises(InputError, match=r"torchrun --standalone --nproc_per_node=N -m monai\.bundle run"):
        join_processes(timeout=1)

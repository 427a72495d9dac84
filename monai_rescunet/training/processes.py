"""Several processes that train one network, as torchrun starts them: how they meet and what each one takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist
from monai.data import partition_dataset

from monai_rescunet.core.errors import InputError

__all__ = [
    "gather_in_turn",
    "join_processes",
    "require_joined",
    "require_one_process",
    "share_of_batch",
    "share_of_entries",
]


def join_processes(timeout: float) -> None:
    """Meet the other processes of this training, once, over NCCL where there are GPUs and over gloo on CPUs.

    Each process takes the GPU of its number on its machine. The first one speaks for all: the others log warnings only.

    Args:
        timeout: minutes that a process waits for the others before it ends with an error.

    Raises:
        InputError: torchrun did not start this process, or started more of them than the machine has GPUs.
    """
    if not dist.is_torchelastic_launched():
        raise InputError(
            "this config is for several processes, and torchrun did not start this one; start it with "
            "`torchrun --standalone --nproc_per_node=N -m monai.bundle run ...`, or leave multi_gpu_train.yaml out"
        )
    local_rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if 0 < gpus <= local_rank:
        raise InputError(
            f"torchrun started process {local_rank + 1} on a machine with {gpus} GPUs; each needs one of its own: "
            f"choose --nproc_per_node={gpus}"
        )
    if dist.is_initialized():
        return
    if gpus:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if gpus else "gloo", timeout=timedelta(minutes=timeout))
    idist.sync()
    if idist.get_rank() > 0:
        logging.getLogger("monai_rescunet").setLevel(logging.WARNING)


def require_joined() -> None:
    """Refuse to run in one of several processes that do not know of each other: each would do and write everything.

    Raises:
        InputError: torchrun started several, and the config does not join them.
    """
    if _launched() > 1 and not dist.is_initialized():
        raise InputError(
            f"torchrun started {_launched()} processes, and the configs do not join them: add multi_gpu_train.yaml to "
            "config_file"
        )


def require_one_process() -> None:
    """Refuse to run in one of several processes what is made for one: each would do and write everything.

    Raises:
        InputError: torchrun started several.
    """
    if _launched() > 1:
        raise InputError(
            f"torchrun started {_launched()} processes, and this config is for one, on one device: start it with "
            "`python -m monai.bundle run`"
        )


def _launched() -> int:
    """Return how many processes torchrun started; 1 if it did not."""
    return int(os.environ.get("WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


def share_of_batch(batch_size: int) -> int:
    """Return each process's share of a batch, so that the recipe is the same for any number of processes.

    Args:
        batch_size: images of one training step, over all processes.

    Raises:
        InputError: the processes cannot share the batch evenly.
    """
    processes = idist.get_world_size()
    share, rest = divmod(batch_size, processes)
    if rest or not share:
        raise InputError(
            f"batch_size is {batch_size}, which {processes} processes cannot share evenly: "
            f"choose a multiple of {processes}"
        )
    return share


def share_of_entries(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of this process: the processes take them in turn, each entry once.

    Args:
        entries: of a datalist; none at all where there is nothing to validate on.

    Raises:
        InputError: there are fewer entries than processes.
    """
    processes = idist.get_world_size()
    if not entries:
        return []
    if len(entries) < processes:
        raise InputError(
            f"{len(entries)} masses to validate on, which {processes} processes cannot share: "
            f"choose --nproc_per_node={len(entries)} or a larger fold"
        )
    share: list[dict[str, Any]] = partition_dataset(entries, num_partitions=processes)[idist.get_rank()]
    return share


def gather_in_turn(own: Sequence[Any]) -> list[Any]:
    """Return what all processes have, in every process, in the order of the entries that they took in turn.

    Args:
        own: what this process has of its `share_of_entries`, one thing an entry.
    """
    missing = object()
    turns = zip_longest(*idist.all_gather(list(own)), fillvalue=missing)
    return [thing for turn in turns for thing in turn if thing is not missing]

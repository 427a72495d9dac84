"""Several processes that share the images of one inference, as torchrun starts them."""

from __future__ import annotations

import os

import torch.distributed as dist

from monai_rescunet.training.processes import join_processes

__all__ = ["join_if_launched"]

DAYS = 7 * 24 * 60.0  # minutes that one process may go on when another is done


def join_if_launched() -> None:
    """Meet the other processes where torchrun started this one; elsewhere do nothing.

    Each takes its part of the images and, in the end, the first one makes one table of all rows.

    Raises:
        InputError: there are more processes than GPUs.
    """
    several = dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1
    if several and not dist.is_initialized():
        join_processes(DAYS)

"""Many images in one request: a folder, an archive, or those of them that nobody has labelled yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import HTTPException
from monailabel.interfaces.datastore import Datastore
from monailabel.interfaces.tasks.batch_infer import BatchInferTask

__all__ = ["MassBatchInferTask"]


class MassBatchInferTask(BatchInferTask):
    """Outline the masses of many images, without the share of each GPU that MONAI Label asks for by default.

    An image that cannot be judged has `error`, one line, in its `params`, and the others have their answers.
    """

    def __call__(self, request: dict[str, Any], datastore: Datastore, infer: Callable[..., Any]) -> dict[str, Any]:
        """Return the answer for each image by its id."""

        def infer_or_tell(one: dict[str, Any], store: Datastore) -> dict[str, Any]:
            try:
                answer: dict[str, Any] = infer(one, store)
            except HTTPException as error:
                return {"label": None, "file": None, "params": {"error": error.detail}}
            return answer

        return super().__call__({**request, "multi_gpu": False}, datastore, infer_or_tell)

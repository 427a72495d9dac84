from __future__ import annotations

import os

import pytest
import torch

from monai_rescunet.core.errors import InputError
from monai_rescunet.label import MODEL_NAME, install_app
from monai_rescunet.label.weights import check_weights


def test_weights_that_fitted_are_looked_at_again_only_when_they_change(tmp_path, monkeypatch):
    bundle = install_app(tmp_path / "app") / "model" / MODEL_NAME
    loads, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: loads.append(args) or load(*args, **kwargs))
    for _ in range(3):
        check_weights(bundle)
    assert len(loads) == 1
    weights = bundle / "models" / "model.pt"
    os.utime(weights, ns=(1, 1))
    check_weights(bundle)
    assert len(loads) == 2
    weights.write_bytes(b"no weights")
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be read as weights"):
            check_weights(bundle)

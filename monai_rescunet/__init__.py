"""Outline and class of masses in mammograms from one network trained on mixed-supervision masks, for MONAI."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_rescunet.core.errors import InputError
    from monai_rescunet.inference import predict

__all__ = ["InputError", "__version__", "predict"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # on demand, so that `import monai_rescunet.networks` loads the networks alone
    if name == "InputError":
        from monai_rescunet.core.errors import InputError

        return InputError
    if name == "predict":
        from monai_rescunet.inference import predict

        return predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""What MONAI Label 0.8.5 needs before it can be imported; Python runs it at start as the app's `sitecustomize`.

pydicom-seg, which MONAI Label imports and this app does not use, asks for a module that pydicom 3 no longer has; and
torchvision's usual wheel beside a torch for CPUs alone does not find the operators that it registers itself for.
"""

import sys
import types


def _pydicom_seg_finds_its_module() -> None:
    from pydicom import uid

    module = types.ModuleType("pydicom._storage_sopclass_uids")
    vars(module).update({name: value for name, value in vars(uid).items() if name.endswith("Storage")})
    sys.modules[module.__name__] = module


def _torchvision_finds_its_operators() -> None:
    from torch.library import Library

    library = Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    globals()["_kept"] = library  # its operators go when it goes


if __name__ == "sitecustomize":
    try:
        _pydicom_seg_finds_its_module()
        from torch.version import cuda

        if cuda is None:
            _torchvision_finds_its_operators()
    except ImportError:  # another Python than MONAI Label's, started from the server
        pass

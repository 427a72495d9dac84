"""The bundle in MONAI Label: an app that serves it to 3D Slicer, OHIF and whoever speaks HTTP.

`install` needs nothing of MONAI Label; the other modules are loaded by its server.
"""

from monai_rescunet.label.install import CLICK_MODEL_NAME, MODEL_NAME, install_app, start_command

__all__ = ["CLICK_MODEL_NAME", "MODEL_NAME", "install_app", "start_command"]

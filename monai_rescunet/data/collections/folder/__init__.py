"""Plain folders of mammograms, however they say where the masses are."""

from monai_rescunet.data.collections.folder.collection import prepare_folder

__all__ = ["prepare_folder"]

"""Readers of mammograms and adapters that bring collections to MONAI's datalist."""

from monai_rescunet.data.collections.cbis_ddsm import prepare_cbis_ddsm
from monai_rescunet.data.collections.folder import prepare_folder
from monai_rescunet.data.collections.inbreast import prepare_inbreast
from monai_rescunet.data.collections.report import CollectionReport
from monai_rescunet.data.datalists.asked import find_entries, require_entries
from monai_rescunet.data.datalists.datalist import (
    describe_entries,
    read_datalist,
    repeat_small_collections,
    split_by_fold,
    write_datalist,
)
from monai_rescunet.data.datalists.folds import assign_folds
from monai_rescunet.data.datalists.images import group_by_image
from monai_rescunet.data.datalists.lenient import LenientDataLoader, LenientDataset, masses_as_batch
from monai_rescunet.data.datalists.mammograms import mammograms
from monai_rescunet.data.datalists.seeded import SeededCacheDataset
from monai_rescunet.data.phantoms.cbis_ddsm import make_cbis_ddsm_phantoms
from monai_rescunet.data.phantoms.crops import make_phantom, make_phantoms
from monai_rescunet.data.phantoms.inbreast import make_inbreast_phantoms
from monai_rescunet.data.readers.canvas import KeepCanvasd
from monai_rescunet.data.readers.contour import DrawContourd
from monai_rescunet.data.readers.mammogram import MammogramReader
from monai_rescunet.data.readers.mass_roi import LoadMassROId
from monai_rescunet.data.readers.other_masses import PaintOtherMassesd

__all__ = [
    "CollectionReport",
    "DrawContourd",
    "KeepCanvasd",
    "LenientDataLoader",
    "LenientDataset",
    "LoadMassROId",
    "MammogramReader",
    "PaintOtherMassesd",
    "SeededCacheDataset",
    "assign_folds",
    "describe_entries",
    "find_entries",
    "group_by_image",
    "make_cbis_ddsm_phantoms",
    "make_inbreast_phantoms",
    "make_phantom",
    "make_phantoms",
    "mammograms",
    "masses_as_batch",
    "prepare_cbis_ddsm",
    "prepare_folder",
    "prepare_inbreast",
    "read_datalist",
    "repeat_small_collections",
    "require_entries",
    "split_by_fold",
    "write_datalist",
]

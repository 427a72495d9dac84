"""Readers of mammograms and adapters that bring collections to MONAI's datalist."""

from monai_rescunet.data.cbis_ddsm import prepare_cbis_ddsm
from monai_rescunet.data.collection import CollectionReport
from monai_rescunet.data.contour import DrawContourd
from monai_rescunet.data.datalist import (
    describe_entries,
    read_datalist,
    repeat_small_collections,
    split_by_fold,
    write_datalist,
)
from monai_rescunet.data.folder import prepare_folder
from monai_rescunet.data.folds import assign_folds
from monai_rescunet.data.inbreast import prepare_inbreast
from monai_rescunet.data.lenient import LenientDataLoader, LenientDataset
from monai_rescunet.data.mass_roi import LoadMassROId
from monai_rescunet.data.phantom_cbis_ddsm import make_cbis_ddsm_phantoms
from monai_rescunet.data.phantom_inbreast import make_inbreast_phantoms
from monai_rescunet.data.phantoms import make_phantom, make_phantoms
from monai_rescunet.data.reader import MammogramReader
from monai_rescunet.data.seeded import SeededCacheDataset

__all__ = [
    "CollectionReport",
    "DrawContourd",
    "LenientDataLoader",
    "LenientDataset",
    "LoadMassROId",
    "MammogramReader",
    "SeededCacheDataset",
    "assign_folds",
    "describe_entries",
    "make_cbis_ddsm_phantoms",
    "make_inbreast_phantoms",
    "make_phantom",
    "make_phantoms",
    "prepare_cbis_ddsm",
    "prepare_folder",
    "prepare_inbreast",
    "read_datalist",
    "repeat_small_collections",
    "split_by_fold",
    "write_datalist",
]

"""What a client of MONAI Label asks for, checked before anything is computed.

Viewers send numbers and flags of text fields as text, lists of choices with the chosen one in front, clicks that name a
slice, and much that is none of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, StrictBool, ValidationError

from monai_rescunet.core.errors import InputError

__all__ = ["OPTIONS", "OTSU_MODES", "InferRequest", "TrainRequest"]

OtsuMode = Literal["anchored", "paper"]
OTSU_MODES: tuple[str, ...] = get_args(OtsuMode)
OPTIONS = ("find_threshold", "max_findings", "otsu_mode", "lesion_floor", "roi_context", "test_time_flips")
"""Settings of `inference.yaml` that a client may change."""
Suffix = Literal[".png", ".nrrd", ".seg.nrrd", ".nii", ".nii.gz"]
"""Of the formats in which label maps are sent."""


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    return "no number" if isinstance(value, bool) else value


def _chosen(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _several(value: Any) -> Any:
    """Return a list of boxes or points from none, one or several."""
    if value is None:
        return []
    return [value] if isinstance(value, list) and value and not isinstance(value[0], list) else value


def _in_plane(value: Any) -> Any:
    """Return clicks `[x, y, slice]` as `[x, y]`: a mammogram has one slice."""
    clicks = _several(value)
    return [click[:2] if isinstance(click, list) else click for click in clicks] if isinstance(clicks, list) else clicks


Flag = Annotated[StrictBool, BeforeValidator(_flag)]
Number = Annotated[FiniteFloat, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Box = tuple[Number, Number, Number, Number]
Point = tuple[Number, Number]
Region = tuple[Number, Number, Number, Number, Number, Number]


class _Request(BaseModel):
    """A request; what a field expects is its description, of which the error is made."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Self:
        """Return the request that a client's parameters make.

        Raises:
            InputError: one of them is not as expected, or is missing.
        """
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            name = str(error.errors(include_url=False)[0]["loc"][0])
            expected = cls.model_fields[name].description
            raise InputError(f"{name} is {params.get(name)!r}; expected {expected}") from error


class InferRequest(_Request):
    """What to outline, how, and what to do with it.

    Attributes:
        box: `[x_min, y_min, x_max, y_max]`, pixels of the stored image.
        point: `[x, y]`.
        roi: the region that 3D Slicer draws, `[x, x, y, y, z, z]` in either order.
        foreground: the clicks of 3D Slicer and OHIF, which a region makes needless.
        crop: the image is a crop of one mass; with none of these the finder looks.
    """

    box: Annotated[list[Box], BeforeValidator(_several)] = Field(
        default=[], description="[x_min, y_min, x_max, y_max] or a list of them"
    )
    point: Annotated[list[Point], BeforeValidator(_several)] = Field(default=[], description="[x, y] or a list of them")
    roi: Annotated[list[Region], BeforeValidator(_several)] = Field(
        default=[], description="[x_min, x_max, y_min, y_max, z_min, z_max]"
    )
    foreground: Annotated[list[Point], BeforeValidator(_in_plane)] = Field(
        default=[], description="a list of points, [x, y]"
    )
    crop: Flag = Field(default=False, description="true or false")
    find_threshold: Number = Field(ge=0, le=1, description="a number from 0 to 1")
    max_findings: Whole = Field(ge=1, description="a whole number from 1")
    otsu_mode: Annotated[OtsuMode, BeforeValidator(_chosen)] = Field(description=" or ".join(OTSU_MODES))
    lesion_floor: Number = Field(ge=0, le=255, description="a number from 0 to 255")
    roi_context: Number = Field(ge=1, le=10, description="a number from 1 to 10")
    test_time_flips: Flag = Field(description="true or false")
    result_extension: Suffix | None = Field(
        default=None, description=", ".join(get_args(Suffix)[:-1]) + f" or {get_args(Suffix)[-1]}"
    )
    result_compress: Flag = Field(default=True, description="true or false")
    store_dicom: Flag = Field(default=False, description="true or false")
    store_cad: Flag = Field(default=False, description="true or false")
    store_picture: Flag = Field(default=False, description="true or false")

    @property
    def boxes(self) -> list[list[float]]:
        """Boxes, those of drawn regions too."""
        drawn = [[min(x), min(y), max(x), max(y)] for x, y in ((row[:2], row[2:4]) for row in self.roi)]
        return [list(box) for box in self.box] + drawn

    @property
    def points(self) -> list[list[float]]:
        """Points, and clicks where nothing else says where to look."""
        return [list(point) for point in self.point or ([] if self.boxes else self.foreground)]

    @property
    def options(self) -> dict[str, Any]:
        """The values of the inference config that a client may change."""
        return self.model_dump(include={"crop", *OPTIONS})


class TrainRequest(_Request):
    """How to go on training."""

    max_epochs: Whole = Field(ge=1, le=1000, description="a whole number from 1 to 1000")
    val_split: Number = Field(ge=0.05, le=0.9, description="a number from 0.05 to 0.9")
    learning_rate: Number = Field(ge=1e-8, le=1, description="a number from 1e-08 to 1")
    batch_size: Whole = Field(ge=1, le=256, description="a whole number from 1 to 256")

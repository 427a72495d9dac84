"""Where the MONAI bundle lies: in a checkout beside the package, in an installed wheel inside it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["bundle_root"]


def bundle_root() -> Path:
    """Return the folder of the bundle: `configs`, `models`, `docs`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    package = Path(__file__).parents[1]
    for root in (package / "bundle", package.parent / "bundle"):
        if (root / "configs" / "inference.yaml").is_file():
            return root
    raise FileNotFoundError(f"no bundle in {package} nor beside it: install the package again")

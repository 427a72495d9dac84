"""Tables as people write them."""

from __future__ import annotations

from pathlib import Path

BOXES = "image,x_min,y_min,x_max,y_max"


def table(path: Path, header: str, *rows: str) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")

"""What a study's packed images are: data/dataset.json of its results folder. Imports no torch."""

import json
from pathlib import Path
from typing import Any


def read_description(results: str | Path) -> dict[str, Any]:
    """What ``kdbench.data.prepare`` wrote there; empty where nothing is packed, or half a file is left."""
    try:
        found: dict[str, Any] = json.loads((Path(results) / "data" / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found

"""Configuration files, each laid over the ones before it, and what the command line lays over them."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from kdbench.config import Config, check_config
from kdbench.errors import KdbenchError


def merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay one mapping on another as Snakemake does: mappings merge, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(dict(merged[key]), value)
        else:
            merged[key] = value
    return merged


def retyped(value: Any) -> Any:
    """Values given with Snakemake's --config, text inside lists and mappings, with the types YAML gives them."""
    if isinstance(value, Mapping):
        return {key: retyped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [retyped(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        typed = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return typed if typed is None or isinstance(typed, bool | int | float) else value


def read_yaml(path: str | os.PathLike[str], name: str = "") -> dict[str, Any]:
    """A YAML file's mapping; raises KdbenchError, calling it ``name``, where it is missing or no YAML mapping."""
    name = name or str(path)
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise KdbenchError(f"{name}: cannot be read ({error.strerror}): check the path of the configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KdbenchError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise KdbenchError(f"{name}: must hold keys and values")
    return values


def load_config(paths: Iterable[str | os.PathLike[str]]) -> Config:
    """Read config files, each overlaying the ones before it, as one Config."""
    paths = list(paths)
    values: dict[str, Any] = {}
    for path in paths:
        values = merge(values, read_yaml(path))
    return check_config(values, source=" + ".join(str(path) for path in paths))

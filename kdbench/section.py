"""Mappings of YAML files as typed, validated objects: what configuration, recipes and papers have in common.

An unknown key, a wrong type or a value out of range raises one KdbenchError that names the key and the remedy.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from kdbench.errors import KdbenchError, unknown


class Section(BaseModel):
    """A part of the configuration: no unknown keys, no silent conversion of types, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def known_keys_only(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown("key", key, cls.model_fields))
        return values


SectionT = TypeVar("SectionT", bound=Section)


def check_section(kind: type[SectionT], values: Any, source: str) -> SectionT:
    """Turn plain values into a ``kind``; raises one KdbenchError naming ``source``, every wrong key and the remedy."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        complaints = dict.fromkeys(wrong_key(item) for item in error.errors())
        raise KdbenchError("; ".join(f"{source}: {complaint}" for complaint in complaints)) from None


def wrong_key(item: Any) -> str:
    """One pydantic error as ``students[1].network: what is wrong``."""
    place = ""
    for part in item["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif re.fullmatch(r"[a-z0-9_]+", str(part)):
            place += f".{part}" if place else part
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "missing":
        message = "this key is missing: add it"
    elif item["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}, got {item['input']!r}"
    return f"{place}: {message}" if place else message

"""In which keys the configurations of several studies differ."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kdbench.config import Config
from kdbench.report.text_table import DASH

# What says where results lie, what they are called, and what other studies follow from this one.
ASIDE = ("pathvars", "study", "reuse", "device", "seeds_per_job", "sensitivity", "further")


def differing_keys(configs: Sequence[Config]) -> list[tuple[str, list[str]]]:
    """Each key that not all studies have with the same value, in the order of config.yaml, with its values as text."""
    flat = [dict(leaves(config.model_dump(mode="json", exclude=set(ASIDE)))) for config in configs]
    keys = dict.fromkeys(key for values in flat for key in values)
    rows = [(key, [written(values[key]) if key in values else DASH for values in flat]) for key in keys]
    return [(key, texts) for key, texts in rows if len(set(texts)) > 1]


def leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Keys joined by dots, and values; students by their names."""
    for key, value in tree.items():
        if isinstance(value, list) and value and all(isinstance(item, Mapping) and "name" in item for item in value):
            value = {item["name"]: {name: of for name, of in item.items() if name != "name"} for item in value}
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def written(value: Any) -> str:
    """As YAML has it on a line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

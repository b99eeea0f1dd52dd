"""The reference of the configuration's keys, written from the typed configuration itself."""

import json
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kdbench.config import Config, Network
from kdbench.section import Section

HEAD = """# Configuration

Every key of `config.yaml`, from the typed configuration itself (`kdbench config`). A preset overlays it: mappings
merge, lists and single values replace. Keys can be overlaid on the command line too:
`snakemake --config training='{epochs: 10}'`.

`sensitivity` and `further` hold changes to try one at a time, each a name and the keys to lay over the study's, or null
to leave it out. Their `students` maps students' names to the keys to lay over theirs, or lists the only ones to take
part. A change keeps the study's data. The targets `sensitivity` and `further` run the study with each change below its
results folder, and compare.

`input_scaling`: `unit` pixels in 0..1; `symmetric` in -1..1; `standardised` by the training images' mean and standard
deviation; `imagenet` by ImageNet's."""


def config_reference() -> str:
    """Markdown: a heading a section, a row a key."""
    parts = [*sections("", Config, {}), *sections("network", Network, {})]
    return "\n\n".join([HEAD, *parts]) + "\n"


def sections(path: str, section: type[Section], seen: dict[type[Section], str]) -> Iterator[str]:
    """The parts of the reference about one section and those within it; a kind described before is referred to."""
    title = f"## `{path}`" if path else "## Top level"
    if section in seen:
        yield f"{title}\n\nThe same keys as `{seen[section]}`."
        return
    seen[section] = path
    about = (section.__doc__ or "").strip().split("\n")[0]
    yield f"{title}\n\n{about}"
    inner = {name: section_of(field.annotation) for name, field in section.model_fields.items()}
    rows = [row(name, section.model_fields[name]) for name, kind in inner.items() if kind in (None, Network)]
    if rows:
        yield "\n".join(["| key | values | default | meaning |", "|---|---|---|---|", *rows])
    for name, kind in inner.items():
        if kind not in (None, Network):
            several = "[]" if get_origin(section.model_fields[name].annotation) is list else ""
            yield from sections(f"{path}.{name}{several}".lstrip("."), kind, seen)


def section_of(annotation: Any) -> type[Section] | None:
    """The Section that a field holds, one or a list of them."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def row(name: str, field: FieldInfo) -> str:
    default = "required" if field.default is PydanticUndefined else f"`{json.dumps(field.default)}`"
    return f"| `{name}` | {values(field.annotation)} | {default} | {field.description} |"


def values(annotation: Any) -> str:
    """A type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(values(argument) for argument in arguments)
    if origin is list:
        return f"list of {values(arguments[0])}"
    if origin is dict:
        return "mapping"
    if hasattr(annotation, "__metadata__"):
        return values(arguments[0])
    if annotation is type(None):
        return "null"
    if section_of(annotation):
        return "`{name, form, width, dropout}`"
    return {str: "text", int: "whole number", float: "number", bool: "true, false"}.get(annotation, str(annotation))

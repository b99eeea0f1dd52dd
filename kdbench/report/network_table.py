"""The zoo as a table: parameters and FLOPs of every network and form."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from kdbench.config import Network
from kdbench.networks.build import build_network, count_flops, count_parameters
from kdbench.networks.catalogue import NETWORKS

HEADINGS = ("network", "form", "image", "parameters", "MFLOPs")


def network_rows(image_size: int, channels: int, classes: int) -> Iterator[tuple[str, ...]]:
    """A row per network and form; FLOPs are of one image's forward pass, a multiply-add counting as two.

    Forms with the ImageNet stem are shown at 224 pixels, what they are made for.
    """
    for name, entry in NETWORKS.items():
        for number, form in enumerate(entry.forms):
            size = 224 if form == "imagenet" else image_size
            chosen = Network(name=name, form=form if len(entry.forms) > 1 else None)
            network = build_network(chosen, classes=classes, channels=channels, image_size=size)
            label = f"{form} (default)" if len(entry.forms) > 1 and number == 0 else form
            flops = count_flops(network, channels=channels, image_size=size)
            yield name, label, f"{size}x{size}", f"{count_parameters(network):,}", f"{flops / 1e6:,.1f}"


def print_networks(image_size: int, channels: int, classes: int, markdown: bool) -> None:
    rows = list(network_rows(image_size, channels, classes))
    if markdown:
        print(markdown_table(rows))
        return
    table = Table(title=f"Networks, for {channels} channels and {classes} classes", title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in HEADINGS[3:] else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def markdown_table(rows: list[tuple[str, ...]]) -> str:
    lines = [" | ".join(HEADINGS), "---|---|---|---:|---:", *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" if index != 1 else f"|{line}|" for index, line in enumerate(lines))

"""The DAG of rules as SVG: layer below layer, boxes in the middle of those they hang together with.

Colours are the page's: the SVG is a part of it and follows its colour scheme. Lengths are CSS pixels.
"""

from dataclasses import dataclass, field
from html import escape

from kdbench.report.lettering import cut
from kdbench.report.page.curves import drawn
from kdbench.report.page.dag import Step, direct_needs

BOX, TALL = 158, 44  # a box's width and height
APART, LANE = 22, 26  # between two boxes of a layer, and around a line that passes through it
LAYER = 84  # from a layer to the next
MARGIN = 4
SWEEPS = 12
LARGE, SMALL = 13, 11  # letters, as in page.css
ROOM = (BOX - 10) * 72 / 96  # points


@dataclass(eq=False)
class Place:
    """A box, or a point where lines to ``target`` pass a layer: ``x`` is its middle."""

    layer: int
    width: float
    step: Step | None = None
    x: float = 0.0
    above: list["Place"] = field(default_factory=list)
    below: list["Place"] = field(default_factory=list)


def picture(steps: list[Step]) -> str:
    """An <svg> element; its boxes have the classes dag-<kind>."""
    layers = layers_of(steps)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            settle(layer, from_above=sweep % 2 == 0)
    places = [place for layer in layers for place in layer]
    left = min(place.x - place.width / 2 for place in places) - MARGIN
    for place in places:
        place.x -= left
    width = max(place.x + place.width / 2 for place in places) + MARGIN
    height = (len(layers) - 1) * LAYER + TALL + 2 * MARGIN
    lines = [line(place, lower) for place in places for lower in place.below]
    boxes = [box(place, place.step) for place in places if place.step]
    return "\n".join(
        [
            f'<svg class="dag" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img"'
            ' aria-labelledby="dag-caption">',
            '<defs><marker id="dag-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0.5 8 4 0 7.5Z"/></marker></defs>',
            *lines,
            *boxes,
            "</svg>",
        ]
    )


def layers_of(steps: list[Step]) -> list[list[Place]]:
    """Every step as low as its longest way from the top, with points where lines pass the layers between.

    Lines to the same step share their points: they run together.
    """
    needs, places = direct_needs(steps), dict[str, Place]()
    for step in steps:
        above = [places[need].layer for need in needs[step.rule]]
        places[step.rule] = Place(max(above, default=-1) + 1, BOX + APART, step)
    layers: list[list[Place]] = [[] for _ in range(max(place.layer for place in places.values()) + 1)]
    for place in places.values():
        layers[place.layer].append(place)
    for rule, place in places.items():
        passing: dict[int, Place] = {place.layer: place}
        highest = min((places[need].layer for need in needs[rule]), default=place.layer)
        for layer in range(place.layer - 1, highest, -1):
            passing[layer] = Place(layer, LANE)
            layers[layer].append(passing[layer])
            join(passing[layer], passing[layer + 1])
        for need in needs[rule]:
            join(places[need], passing[places[need].layer + 1])
    for members in layers:
        spread(members, [0.0] * len(members))
    return layers


def join(upper: Place, lower: Place) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def settle(layer: list[Place], from_above: bool) -> None:
    """Move each place of a layer to the middle of its neighbours on one side, then apart."""
    wanted = []
    for place in layer:
        near = (place.above if from_above else place.below) or place.above or place.below
        wanted.append(sum(other.x for other in near) / len(near) if near else place.x)
    order = sorted(range(len(layer)), key=lambda index: wanted[index])
    layer[:] = [layer[index] for index in order]
    spread(layer, [wanted[index] for index in order])


def spread(layer: list[Place], wanted: list[float]) -> None:
    """Place a layer's members side by side, as near as they can all be to where they are wanted."""
    groups: list[tuple[list[Place], list[float]]] = []  # members that touch, and the left edge each would like
    for place, middle in zip(layer, wanted, strict=True):
        groups.append(([place], [middle - place.width / 2]))
        while len(groups) > 1 and left_edge(groups[-1]) < left_edge(groups[-2]) + total_width(groups[-2]):
            members, edges = groups.pop()
            before = total_width(groups[-1])
            groups[-1] = (groups[-1][0] + members, groups[-1][1] + [edge - before for edge in edges])
    for group in groups:
        edge = left_edge(group)
        for place in group[0]:
            place.x = edge + place.width / 2
            edge += place.width


def left_edge(group: tuple[list[Place], list[float]]) -> float:
    return sum(group[1]) / len(group[1])


def total_width(group: tuple[list[Place], list[float]]) -> float:
    return sum(place.width for place in group[0])


def top(place: Place) -> float:
    return MARGIN + place.layer * LAYER


def line(upper: Place, lower: Place) -> str:
    """From one place to one in the next layer; an arrow where that is a box."""
    start = top(upper) + TALL
    end = top(lower)
    lead = f"M{upper.x:.1f} {top(upper):.1f}V{start:.1f}" if not upper.step else f"M{upper.x:.1f} {start:.1f}"
    middle = (start + end) / 2
    curve = f"C{upper.x:.1f} {middle:.1f} {lower.x:.1f} {middle:.1f} {lower.x:.1f} {end - (1 if lower.step else 0):.1f}"
    arrow = ' marker-end="url(#dag-arrow)"' if lower.step else ""
    return f'<path class="dag-line" d="{lead}{curve}"{arrow}/>'


def box(place: Place, step: Step) -> str:
    left, upper = place.x - BOX / 2, top(place)
    rule, about = cut(step.rule, ROOM, LARGE * 72 / 96, "bold"), cut(step.about, ROOM, SMALL * 72 / 96)
    style = f' style="--look: {drawn(step.method)["color"]}"' if step.method else ""
    return (
        f'<g class="dag-box dag-{step.kind}"{style}>'
        f'<rect x="{left:.1f}" y="{upper}" width="{BOX}" height="{TALL}" rx="5"/>'
        f'<text class="dag-rule" x="{place.x:.1f}" y="{upper + 18}">{escape(rule)}</text>'
        f'<text x="{place.x:.1f}" y="{upper + 34}">{escape(about)}</text></g>'
    )

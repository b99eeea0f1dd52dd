"""What diagrams are made of: boxes and arrows, on axes in inches."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

INK = "#222222"


def box(axes: Axes, x: tuple[float, float], y: tuple[float, float], face: str, edge: str, line_width: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x[0], y[0]),
            x[1] - x[0],
            y[1] - y[0],
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=face,
            edgecolor=edge,
            lw=line_width,
        )
    )


def arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    width: float = 0.8,
    both_ways: bool = False,
) -> None:
    style = "<|-|>" if both_ways else "-|>"
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=7, color=color, lw=width, shrinkA=0, shrinkB=0)
    )

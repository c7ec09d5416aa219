"""A picture of the growth curves, each with its lower limit for n log n."""

from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

Points = Sequence[tuple[float, float]]

INK, LINE, LIMIT = "#1f2933", "#1d6fa5", "#b4541a"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "bench",  # the same data make the same file
}


def draw(curves: Mapping[str, Points], path: Path) -> None:
    """Write an SVG of curves, named "what, by what grows"."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 3.3), layout="constrained")
        places = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, (name, points) in zip(places, curves.items(), strict=True):
            what, _, by = name.partition(", by ")
            _curve(axes, points)
            axes.set_title(what, fontsize=10, loc="left")
            axes.set_xlabel(by)
        figure.savefig(path, metadata={"Date": None})


def _curve(axes: Axes, points: Points) -> None:
    xs, ys = zip(*points, strict=True)
    (few, first), *_ = points
    if few > 1:  # the logarithm of 1 is no cost to compare with
        limit = [first * log(few) / log(x) for x in xs]
        axes.plot(xs, limit, "--", color=LIMIT, linewidth=1, label="n log n")
    axes.plot(xs, ys, "-o", color=LINE, markersize=4, label="measured")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.25 * max(ys))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e7eb")
    axes.legend(frameon=False, loc="lower left")

"""Draws how a figure grows, as SVG, on scales where doubling is a step of one size. Knows nothing of benches."""

# matplotlib's own types leave parts open:
# pyright: reportUnknownMemberType=false

from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from measured import Curve

STYLE: dict[Any, Any] = {"svg.hashsalt": "agiwod", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
"""The same figures give the same file, with words as text."""


def draw(curve: Curve) -> str:
    """The text of the SVG file."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.subplots()
        for name, points in curve.points.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set(title=curve.tells, xlabel=curve.x, ylabel=curve.y, xscale="log", yscale="log")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(frameon=False)
        written = StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()

"""A picture of boxes and arrows: laid out by Graphviz where its ``dot`` is installed, by matplotlib otherwise.

What the boxes stand for is not known here: `graph` says what is to be seen.
"""

from __future__ import annotations

import html
import io
import itertools
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from .._core import extras

__all__ = ["Arrow", "Box", "Engine", "Picture", "dot", "draw"]

Engine = Literal["graphviz", "matplotlib"]

INK, BACK = "#1a1a1a", "#b3261e"  # what goes forward, and what comes back
FILL = {"circle": "#e8f0fe", "box": "#e8f0fe", "text": "none"}


@dataclass(frozen=True)
class Box:
    """A node with its text: a circle, a rounded box, or the text alone; or a point, from which an arrow goes on."""

    text: str
    shape: Literal["circle", "box", "text", "point"]


@dataclass(frozen=True)
class Arrow:
    """From one box to another, by their places in the picture, with a text above it and one below."""

    tail: int
    head: int
    above: str
    below: str


@dataclass(frozen=True)
class Picture:
    """Boxes, and the arrows between them, in no circle; a box's arrows come in from top to bottom."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw(picture: Picture, kind: str, engine: Engine | None = None) -> bytes:
    """The picture as an image.

    Parameters
    ----------
    picture : Picture
    kind : str
        The file's suffix: ``"svg"``, ``"png"`` or ``"pdf"``.
    engine : {"graphviz", "matplotlib"}, optional
        What draws it; by default what is there, Graphviz before matplotlib.

    Raises
    ------
    ValueError
        If the kind or the engine is another.
    ImportError
        If there is neither, or not the one that was asked for.
    RuntimeError
        If ``dot`` fails; the message is its own.
    """
    if kind not in ("svg", "png", "pdf"):
        raise ValueError(f"a picture is saved as svg, png or pdf, not {kind!r}")
    if engine not in (None, "graphviz", "matplotlib"):
        raise ValueError(f"engine must be 'graphviz', 'matplotlib' or None, not {engine!r}")
    program = shutil.which("dot")
    if engine == "matplotlib" or (engine is None and program is None):
        return _by_matplotlib(picture, kind)
    if program is None:
        raise ImportError("Graphviz's program dot is not on the PATH; install Graphviz, or take engine='matplotlib'")
    done = subprocess.run([program, f"-T{kind}"], input=dot(picture).encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"dot failed: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout


# Graphviz


def dot(picture: Picture) -> str:
    """The picture in Graphviz's language.

    An edge label of Graphviz stands to one side of its line. Here an arrow runs through a table of two rows
    instead, and the rule between them is a part of its line: one text is above, the other below.
    """
    lines = [
        "digraph {",
        '  graph [rankdir=LR, ordering=in, nodesep=0.12, ranksep=0.22, bgcolor=white, pad=0.1, fontname="DejaVu Sans"]',
        f'  node [fontname="DejaVu Sans", fontsize=12, color="{INK}", fontcolor="{INK}"]',
        f'  edge [color="{INK}", arrowsize=0.7]',
    ]
    for i, box in enumerate(picture.boxes):
        look = {"circle": "shape=circle, margin=0.03", "box": "shape=box", "text": "shape=plaintext, margin=0.05"}
        style = "" if box.shape == "text" else f', style="filled,rounded", fillcolor="{FILL[box.shape]}"'
        height = ", height=0.45, width=0.45, fixedsize=true" if box.shape == "circle" else ", height=0.4"
        lines.append(f"  b{i} [label={_quoted(box.text)}, {look[box.shape]}{style}{height}]")
    for i, arrow in enumerate(picture.arrows):
        above, below = _cell(arrow.above, INK), _cell(arrow.below, BACK)
        table = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{above}<hr/>{below}</table>'
        lines.append(f"  a{i} [shape=plain, fontsize=11, label=<{table}>]")
        lines.append(f"  b{arrow.tail} -> a{i}:w [arrowhead=none]")
        lines.append(f"  a{i}:e -> b{arrow.head}")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cell(text: str, colour: str) -> str:
    return f'<tr><td><font color="{colour}">{html.escape(text) or " "}</font></td></tr>'


# matplotlib


def _by_matplotlib(picture: Picture, kind: str) -> bytes:
    """The same, on a grid: each box one column left of the first that it feeds."""
    figure_module = extras.require("matplotlib.figure", "matplotlib", "Drawing a graph without Graphviz's dot", "demo")
    picture = _apart(picture)
    places = _grid(picture)
    halves = [_half_width(box) for box in picture.boxes]
    # Inches from column to column, wide enough for a shape between two boxes, and from row to row.
    wide = 1.6 + max((halves[arrow.tail] + halves[arrow.head] for arrow in picture.arrows), default=0.0)
    high = 0.6
    width = (1 + max((column for column, _ in places), default=0)) * wide
    height = (1 + max((row for _, row in places), default=0)) * high
    figure = figure_module.Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    centres = [((column + 0.5) * wide, (row + 0.5) * high) for column, row in places]
    for arrow in picture.arrows:
        (x0, y0), (x1, y1) = centres[arrow.tail], centres[arrow.head]
        x0, x1 = x0 + halves[arrow.tail], x1 - halves[arrow.head]
        bend = x0 + 0.25 + 0.07 * max(len(arrow.above), len(arrow.below))  # as far as the texts go
        axes.plot((x0, bend), (y0, y0), color=INK, linewidth=1)
        style = "-" if picture.boxes[arrow.head].shape == "point" else "-|>"
        line = {"arrowstyle": style, "color": INK, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x1, y1), (bend, y0), arrowprops=line)
        for text, colour, side, off in ((arrow.above, INK, "bottom", -0.03), (arrow.below, BACK, "top", 0.03)):
            axes.text((x0 + bend) / 2, y0 + off, text, color=colour, fontsize=9, ha="center", va=side, parse_math=False)
    for box, centre in zip(picture.boxes, centres, strict=True):
        if box.shape == "point":
            continue
        frame = {
            "boxstyle": "circle" if box.shape == "circle" else "round",
            "facecolor": FILL[box.shape],
            "edgecolor": "none" if box.shape == "text" else INK,
        }
        axes.text(*centre, box.text, color=INK, fontsize=10, ha="center", va="center", bbox=frame, parse_math=False)
    file = io.BytesIO()
    figure.savefig(file, format=kind, facecolor="white", dpi=150)
    return file.getvalue()


def _half_width(box: Box) -> float:
    """Half of a box's width in inches, by the number of its letters."""
    if box.shape == "point":
        return 0.0
    return 0.16 if box.shape == "circle" else 0.14 + 0.04 * len(box.text)


def _apart(picture: Picture) -> Picture:
    """The same, with a point on the way of each arrow of a box that has several: so their texts are side by side."""
    several = Counter(arrow.tail for arrow in picture.arrows)
    boxes, arrows = list(picture.boxes), []
    for arrow in picture.arrows:
        if several[arrow.tail] > 1:
            arrows.append(Arrow(arrow.tail, len(boxes), "", ""))
            arrow = replace(arrow, tail=len(boxes))
            boxes.append(Box("", "point"))
        arrows.append(arrow)
    return Picture(tuple(boxes), tuple(arrows))


def _grid(picture: Picture) -> list[tuple[int, int]]:
    """The column and row of each box.

    A column is counted from the end: so an input stands next to what it goes into. A box stands in the row of the
    first box that feeds it, the others below; nothing is put where something is already.
    """
    feeds: list[list[int]] = [[] for _ in picture.boxes]
    fed: list[list[int]] = [[] for _ in picture.boxes]
    for arrow in picture.arrows:
        feeds[arrow.tail].append(arrow.head)
        fed[arrow.head].append(arrow.tail)
    from_end: dict[int, int] = {}

    def distance(box: int) -> int:
        if box not in from_end:
            from_end[box] = 1 + max((distance(head) for head in feeds[box]), default=-1)
        return from_end[box]

    longest = max((distance(box) for box in range(len(picture.boxes))), default=0)
    columns = [longest - from_end[box] for box in range(len(picture.boxes))]
    rows: dict[int, int] = {}

    def place(box: int, row: int) -> None:
        if box in rows:
            return
        rows[box] = row
        for i, tail in enumerate(fed[box]):
            below = rows if fed[tail] else [other for other in rows if columns[other] == columns[tail]]
            taken = {rows[other] for other in below}
            place(tail, row if i == 0 else next(free for free in itertools.count(row + 1) if free not in taken))

    for box in range(len(picture.boxes)):
        if not feeds[box]:
            place(box, 1 + max(rows.values(), default=-1))
    return [(columns[box], rows[box]) for box in range(len(picture.boxes))]

"""Line plots as SVG, without a library: the same bytes for the same numbers.

They are looked at on light pages and dark ones, so nothing is drawn in black or white and the
background is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 40, 44
INK = "#808890"
FAINT = "#80889044"
COLOURS = ("#3d85c8", "#d9822b", "#4ca064", "#a667b8")
FONT = "font-family='system-ui, sans-serif' font-size='12'"
TICKS = 5
THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: lines over the same sizes, which stand evenly whatever lies between them."""

    title: str
    below: str
    lines: Mapping[str, Sequence[tuple[int, float]]]


def svg(plot: Plot) -> str:
    """Draw a plot; its axis begins at nought."""
    sizes = sorted({size for points in plot.lines.values() for size, _ in points})
    step = round_step(max(y for points in plot.lines.values() for _, y in points))
    top = step * TICKS

    def x(size: int) -> float:
        room = WIDTH - LEFT - RIGHT
        return LEFT + room * (sizes.index(size) + 0.5) / len(sizes)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    box = f"width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}'"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {box} role='img' {FONT} fill='{INK}'>",
        f"<title>{escape(plot.title)}</title>",
        f"<text x='{LEFT}' y='18' font-weight='bold'>{escape(plot.title)}</text>",
    ]
    for tick in range(TICKS + 1):
        at = y(tick * step)
        stroke = FAINT if tick else INK
        parts += [
            f"<path d='M{LEFT} {at:.1f}H{WIDTH - RIGHT}' stroke='{stroke}'/>",
            f"<text x='{LEFT - 8}' y='{at + 4:.1f}' text-anchor='end'>{tick * step:g}</text>",
        ]
    below = f"y='{HEIGHT - BOTTOM + 18}' text-anchor='middle'"
    parts += [f"<text x='{x(size):.1f}' {below}>{in_short(size)}</text>" for size in sizes]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f"<text x='{middle:.1f}' y='{HEIGHT - 8}' text-anchor='middle'>{escape(plot.below)}</text>"
    )
    for number, (name, points) in enumerate(plot.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x(size), y(value)) for size, value in points]
        drawn = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(f"<path d='M{drawn}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{a:.1f}' cy='{b:.1f}' r='3' fill='{colour}'/>" for a, b in places]
        parts.append(
            f"<text x='{LEFT + 110 * number}' y='33' fill='{colour}'>{escape(name)}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def round_step(highest: float) -> float:
    """Choose a round distance of ticks, so that the highest value lies below the last of them."""
    least = max(highest, 1e-9) / TICKS
    decade: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * decade for factor in (1, 2, 2.5, 5, 10) if factor * decade >= least)


def in_short(size: int) -> str:
    """Write 100,000 as 100k."""
    return f"{size // THOUSAND}k" if size and size % THOUSAND == 0 else str(size)

"""A small SVG writer with the look that all charts share: dark on light, plain, deterministic.

Every chart is white paper with its own background, so it reads in a dark page too.  It has a title
and a description for screen readers, no ids and no styles, so several fit into one HTML page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape

INK = "#1f2328"
MUTED = "#57606a"
GRID = "#dfe3e8"
PAPER = "#ffffff"
ALARM = "#c1121f"
SERIES_COLOURS = (
    "#0b5fa5",
    "#b5451b",
    "#1b7a55",
    "#7a3b8f",
    "#8a6d00",
    "#0e7c86",
    "#a3195b",
    MUTED,
)
"""Each has a contrast of at least 4.5 to 1 on white."""
SERIES_DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "6 2 1 2 1 2")
"""Lines differ in dash as well as in colour, for readers who do not see the colours."""
FONT = "Partimento Sans, Arial, Helvetica, sans-serif"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Number = int | float


def clean_text(text: str) -> str:
    """Text escaped for SVG and HTML, without characters that XML forbids."""
    return escape(_CONTROL.sub("�", text), quote=True)


def short_number(value: Number) -> str:
    """A coordinate: at most two decimals, no trailing zeros.

    >>> short_number(3.0), short_number(0.126), short_number(-0.001)
    ('3', '0.13', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def text_width(text: str, size: Number) -> float:
    """Rough width of a sans-serif line in px, on the safe side."""
    return 0.58 * size * len(text)


def shortened(text: str, width: Number, size: Number) -> str:
    """The text, cut with an ellipsis when it would be wider than ``width`` px."""
    room = max(1, int(width / (0.58 * size)))
    return text if len(text) <= room else text[: room - 1] + "…"


class Drawing:
    """Collects SVG elements.  Coordinates are px from the top left corner."""

    def __init__(self, width: Number, height: Number, title: str, description: str = "") -> None:
        self.width: Number = width
        self.height: Number = height
        self.title = title
        self.description = description
        self.facts: dict[str, Number] = {}
        self._body: list[str] = []

    def raw(self, element: str) -> None:
        """Add markup made by this package."""
        self._body.append(element)

    def shape(self, name: str, tooltip: str = "", /, **attributes: str | Number) -> None:
        """Add ``<name .../>``; underscores in attribute names stand for hyphens."""
        inside = f"<title>{clean_text(tooltip)}</title>" if tooltip else ""
        pairs = " ".join(
            f'{key.replace("_", "-")}="{_value(value)}"'
            for key, value in attributes.items()
            if value != ""
        )
        self._body.append(f"<{name} {pairs}>{inside}</{name}>" if inside else f"<{name} {pairs}/>")

    def rect(
        self, x: Number, y: Number, width: Number, height: Number, fill: str, **more: str | Number
    ) -> None:
        """Add a filled rectangle."""
        self.shape("rect", x=x, y=y, width=max(width, 0), height=max(height, 0), fill=fill, **more)

    def line(
        self, x1: Number, y1: Number, x2: Number, y2: Number, colour: str = GRID, width: Number = 1
    ) -> None:
        """Add a straight line."""
        self.shape("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, stroke_width=width)

    def text(
        self,
        x: Number,
        y: Number,
        words: str,
        *,
        size: Number = 12,
        anchor: str = "start",
        colour: str = INK,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Add one line of text; ``turned`` reads upwards around (x, y)."""
        weight = ' font-weight="bold"' if bold else ""
        place = f'x="{short_number(x)}" y="{short_number(y)}"'
        turn = f' transform="rotate(-90 {short_number(x)} {short_number(y)})"' if turned else ""
        self._body.append(
            f'<text {place} font-size="{short_number(size)}" text-anchor="{anchor}" '
            f'fill="{colour}"{weight}{turn}>{clean_text(words)}</text>'
        )

    def heading(self, x: Number = 16) -> None:
        """Add the title at the top left."""
        words = shortened(self.title, self.width - 2 * x, 15)
        self.text(x, 24, words, size=15, bold=True)

    def svg(self) -> str:
        """The finished document."""
        size = f"{short_number(self.width)} {short_number(self.height)}"
        width, height = size.split()
        note = f"<desc>{clean_text(self.description)}</desc>" if self.description else ""
        facts = "".join(f' {name}="{value:.6g}"' for name, value in self.facts.items())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{width}" '
            f'height="{height}" role="img" font-family="{FONT}"{facts}>'
            f"<title>{clean_text(self.title)}</title>{note}"
            f'<rect x="0" y="0" width="{width}" height="{height}" fill="{PAPER}"/>'
            + "".join(self._body)
            + "</svg>"
        )


def _value(value: str | Number) -> str:
    return clean_text(value) if isinstance(value, str) else short_number(value)


def ticks(low: Number, high: Number, wanted: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that lie in ``low..high``.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    # Whole multiples rounded: 3 * 0.1 must print as 0.3.
    digits = max(0, -math.floor(math.log10(step))) + 1
    return [round(i * step, digits) for i in range(first, last + 1)]


def tick_label(value: Number, all_ticks: Sequence[Number]) -> str:
    """Label of a tick with as many decimals as its neighbours need.

    >>> tick_label(0.5, [0.0, 0.25, 0.5]), tick_label(1000.0, [0.0, 1000.0])
    ('0.50', '1000')
    """
    decimals = max((len(f"{t:.6f}".rstrip("0").partition(".")[2]) for t in all_ticks), default=0)
    return f"{value:.{decimals}f}"


class Axes:
    """A plotting area inside a drawing that maps data to px."""

    def __init__(
        self,
        drawing: Drawing,
        x_range: tuple[Number, Number],
        y_range: tuple[Number, Number],
        box: tuple[Number, Number, Number, Number],
    ) -> None:
        self.drawing = drawing
        self.left, self.top, self.right, self.bottom = box
        self.x_low, self.x_high = _widened(*x_range)
        self.y_low, self.y_high = _widened(*y_range)

    def x(self, value: Number) -> float:
        """Px of a data value on the horizontal axis."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return self.left + share * (self.right - self.left)

    def y(self, value: Number) -> float:
        """Px of a data value on the vertical axis."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - share * (self.bottom - self.top)

    def frame(self, x_label: str, y_label: str, *, x_ticks: Sequence[Number] | None = None) -> None:
        """Draw grid lines, ticks and labels."""
        d = self.drawing
        y_ticks = ticks(self.y_low, self.y_high)
        for tick in y_ticks:
            d.line(self.left, self.y(tick), self.right, self.y(tick))
            label = tick_label(tick, y_ticks)
            d.text(self.left - 7, self.y(tick) + 4, label, size=11, anchor="end", colour=MUTED)
        shown = ticks(self.x_low, self.x_high, 8) if x_ticks is None else x_ticks
        for tick in shown:
            d.line(self.x(tick), self.bottom, self.x(tick), self.bottom + 4, MUTED)
            label = tick_label(tick, shown)
            d.text(self.x(tick), self.bottom + 17, label, size=11, anchor="middle", colour=MUTED)
        d.line(self.left, self.bottom, self.right, self.bottom, MUTED)
        d.text((self.left + self.right) / 2, self.bottom + 36, x_label, anchor="middle")
        d.text(self.left - 46, (self.top + self.bottom) / 2, y_label, anchor="middle", turned=True)


def _widened(low: Number, high: Number) -> tuple[float, float]:
    """A range of some width, so that one single value still has a place."""
    if high > low:
        return float(low), float(high)
    margin = abs(low) * 0.1 or 1.0
    return low - margin, high + margin

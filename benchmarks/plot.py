"""A curve as an SVG: plain text, legible on light and dark pages, and the same for the same figures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 170, 34, 48  #: margins; the names of the series stand on the right
_COLOURS = ("#3778bf", "#d9822b", "#3a9a5b", "#a2559c", "#b03a2e", "#808080")
_STYLE = "text{font:12px sans-serif;fill:#808080}path{fill:none;stroke-width:2}.axis{stroke:#808080;stroke-width:1}"

Points = Sequence[tuple[float, float]]


class _Axis:
    """A logarithmic one: loads and costs differ by factors."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        low, high = min(values), max(values)
        self._low, self._high = math.log10(low), math.log10(high)
        if self._high - self._low < 0.5:  # so that little noise does not look like much
            self._low, self._high = self._low - 0.25, self._high + 0.25
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        """Return where a value lies."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._begin + share * (self._end - self._begin), 1)

    def ticks(self) -> Iterator[float]:
        """Yield round values within."""
        for exponent in range(math.floor(self._low), math.ceil(self._high) + 1):
            for digit in (1, 2, 5):
                if self._low - 1e-9 <= math.log10(digit) + exponent <= self._high + 1e-9:
                    yield digit * 10.0**exponent


def svg(title: str, load: str, cost: str, series: Mapping[str, Points]) -> str:
    """Return the plot of each series; all values are above 0."""
    points = [point for each in series.values() for point in each]
    across = _Axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="16">{escape(cost)}</text>',
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) // 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(load)}</text>',
        *_grid(across, up, sorted({x for x, _ in points})),
    ]
    heights = _apart([up.place(each[-1][1]) for each in series.values()])
    for number, ((name, each), height) in enumerate(zip(series.items(), heights, strict=True)):
        parts += _line(name, [(across.place(x), up.place(y)) for x, y in each], _COLOURS[number % 6], height)
    return "\n".join([*parts, "</svg>", ""])


def _grid(across: _Axis, up: _Axis, measured: Sequence[float]) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    yield f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
    for x in measured:
        yield f'<path class="axis" d="M{across.place(x)} {bottom}v5"/>'
        yield f'<text x="{across.place(x)}" y="{bottom + 18}" text-anchor="middle">{_number(x)}</text>'
    for y in up.ticks():
        yield f'<path class="axis" stroke-opacity=".3" d="M{_LEFT} {up.place(y)}H{right}"/>'
        yield f'<text x="{_LEFT - 8}" y="{up.place(y) + 4}" text-anchor="end">{_number(y)}</text>'


def _line(name: str, places: Points, colour: str, height: float) -> Iterator[str]:
    path = " L".join(f"{x} {y}" for x, y in places)
    yield f'<path stroke="{colour}" d="M{path}"/>'
    for x, y in places:
        yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
    yield f'<text x="{places[-1][0] + 8}" y="{height + 4}" style="fill:{colour}">{escape(name)}</text>'


def _apart(heights: Sequence[float]) -> list[float]:
    """Move names apart that would lie on each other."""
    placed = list(heights)
    above = -math.inf
    for number in sorted(range(len(heights)), key=lambda each: heights[each]):
        placed[number] = above = max(heights[number], above + 14)
    return placed


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"

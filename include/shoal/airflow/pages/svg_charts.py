"""Charts as SVG, drawn here so that pages show and print them without a script: text is text, a colour is a taxon's.

A bin without effort is a gap: its ground is grey and nothing stands in it. Zero is a line on the axis.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup, escape

WIDTH = 560
LEFT, RIGHT, TOP = 46, 10, 18
UPPER, LOWER, BETWEEN, BELOW = 104, 40, 24, 20
INNER = WIDTH - LEFT - RIGHT

MOST_LABELS = 5
MOST_TITLES = 130
"""Of so many bars each says its number where a pointer rests on it; all numbers are in the table below."""


@dataclass(frozen=True)
class Bin:
    """A place on the axis.

    Attributes:
        label: What the axis says of it.
        value: What stands there; None where nothing does.
        effort: How much was looked; None where that is not told.
        words: Both, in words.
        is_gap: Whether nobody looked where nothing stands.
    """

    label: str
    value: float | None
    effort: float | None
    words: str
    is_gap: bool = True


@dataclass(frozen=True)
class _Plot:
    """A part of a chart with an axis of its own.

    Attributes:
        y: Its upper edge.
        height: Its height.
        top: The number at its upper edge.
        words: What it measures.
    """

    y: int
    height: int
    top: float
    words: str

    def tall(self, value: float) -> float:
        """Say how tall a value is; zero is a line that can be seen."""
        return max(1.2, self.height * value / self.top)

    def frame(self) -> Iterator[Markup]:
        """Draw the axis with its two numbers, and what is measured above it."""
        edges = f"M{LEFT} {self.y + self.height + 0.5}h{INNER}M{LEFT} {self.y + 0.5}h{INNER}"
        yield _element("path", class_="axis", d=edges)
        yield _element("text", f"{self.top:.4g}", x=LEFT - 5, y=self.y + 9, text_anchor="end")
        yield _element("text", "0", x=LEFT - 5, y=self.y + self.height, text_anchor="end")
        yield _element("text", self.words, class_="said", x=LEFT, y=self.y - 6)


def draw_series(name: str, bins: Sequence[Bin], colour: str, value_of: str, effort_of: str) -> Markup:
    """Draw bars over their effort.

    Args:
        name: What the chart shows, for those who do not see it.
        bins: All bins of the axis, gaps too.
        colour: Of the bars.
        value_of: What the bars are, in words.
        effort_of: What the effort is; empty where there is none to draw.
    """
    upper = _Plot(TOP, UPPER, _nice(one.value for one in bins), value_of)
    parts = [*_gaps(bins, upper), *upper.frame()]
    parts += _bars(bins, [one.value for one in bins], upper, fill=colour)
    height = TOP + UPPER + BELOW
    if effort_of:
        lower = _Plot(TOP + UPPER + BETWEEN, LOWER, _nice(one.effort for one in bins), effort_of)
        parts += [*_gaps(bins, lower), *lower.frame()]
        parts += _bars(bins, [one.effort or None for one in bins], lower, class_="effort")
        height += BETWEEN + LOWER
    parts += _labels([one.label for one in bins], height - 5)
    return _svg(name, height, parts)


def draw_scores(name: str, scores: Sequence[int], cuts: Sequence[float], colour: str, of: str = "boxes") -> Markup:
    """Draw how many boxes have each hundredth of a score, and from where on they count.

    Args:
        name: What the chart shows.
        scores: Boxes by hundredth, 0 to 1.
        cuts: From which scores they count; several where classes differ.
        colour: Of the bars that count.
        of: What has a score.
    """
    plot, step_px = _Plot(TOP, UPPER, _nice(scores), of), INNER / len(scores)
    first, last = round(min(cuts, default=0) * 100), round(max(cuts, default=0) * 100)
    parts = list(plot.frame())
    for step, count in enumerate(scores):
        if not count:
            continue
        kind = (
            {"class_": "uncounted"}
            if step < first
            else {"fill": colour, "fill_opacity": ".55" if step < last else None}
        )
        box = {"x": LEFT + step * step_px, "y": TOP + UPPER - plot.tall(count), "width": step_px * 0.9}
        parts.append(_titled(f"{step / 100:.2f}: {count:,}", **kind, **box, height=plot.tall(count)))
    for place, cut in enumerate(cuts):
        x, is_late = LEFT + cut * 100 * step_px, cut > 0.8  # its words would leave the chart
        parts.append(_element("path", class_="cut", d=f"M{x:.1f} {TOP - 2}V{TOP + UPPER}"))
        where = {"x": x - 4 if is_late else x + 4, "y": TOP + 9 + 13 * (place % 3)}
        parts.append(
            _element("text", f"cut {cut:g}", class_="said", **where, text_anchor="end" if is_late else "start")
        )
    parts += [
        _element(
            "text", f"{tenth / 10:g}", x=LEFT + tenth * 10 * step_px, y=TOP + UPPER + BELOW - 5, text_anchor="middle"
        )
        for tenth in range(0, 11, 2)
    ]
    return _svg(name, TOP + UPPER + BELOW, parts)


def draw_pair(
    name: str,
    labels: Sequence[str],
    pairs: Sequence[tuple[float | None, float | None]],
    colours: tuple[str, str],
    value_of: str,
) -> Markup:
    """Draw two lines over one axis, the second one dashed; where there is nothing both are interrupted.

    Args:
        name: What the chart shows.
        labels: Of the axis.
        pairs: What both have in each bin; None in a gap.
        colours: Of the two.
        value_of: What they are.
    """
    plot, step_px = (
        _Plot(TOP, UPPER, _nice(value for pair in pairs for value in pair), value_of),
        INNER / max(1, len(pairs)),
    )
    parts = list(plot.frame())
    for side, colour in enumerate(colours):
        line, was_gap = [], True
        for place, pair in enumerate(pairs):
            if (value := pair[side]) is not None:
                x, y = LEFT + (place + 0.5) * step_px, TOP + UPPER * (1 - value / plot.top)
                # A short stroke for each, so that one between two gaps is seen.
                line.append(f"{'M' if was_gap else 'L'}{x - 0.6:.1f} {y:.1f}h1.2")
            was_gap = value is None
        parts.append(_element("path", class_="line second" if side else "line", stroke=colour, d="".join(line)))
    parts += _labels(labels, TOP + UPPER + BELOW - 5)
    return _svg(name, TOP + UPPER + BELOW, parts)


def _bars(bins: Sequence[Bin], values: Sequence[float | None], plot: _Plot, **kind: str) -> Iterator[Markup]:
    step_px = INNER / max(1, len(bins))
    for place, (one, value) in enumerate(zip(bins, values, strict=True)):
        if value is not None:
            tall = plot.tall(value)
            box = {"x": LEFT + place * step_px, "y": plot.y + plot.height - tall, "width": max(0.7, step_px * 0.86)}
            yield _titled(one.words if len(bins) <= MOST_TITLES else "", **kind, **box, height=tall)


def _gaps(bins: Sequence[Bin], plot: _Plot) -> Iterator[Markup]:
    """Draw the ground of bins in which nobody looked, those beside each other as one."""
    step_px, begun = INNER / max(1, len(bins)), None
    for place in range(len(bins) + 1):
        is_gap = place < len(bins) and bins[place].value is None and bins[place].is_gap
        if is_gap and begun is None:
            begun = place
        elif not is_gap and begun is not None:
            box = {"x": LEFT + begun * step_px, "y": plot.y, "width": (place - begun) * step_px, "height": plot.height}
            yield _titled("", class_="gap", **box)
            begun = None


def _labels(labels: Sequence[str], y: int) -> Iterator[Markup]:
    step_px = INNER / max(1, len(labels))
    for place in range(0, len(labels), max(1, -(-len(labels) // MOST_LABELS))):
        x, anchor = LEFT + (place + 0.5) * step_px, "middle"
        if x > WIDTH - 40:
            x, anchor = WIDTH - RIGHT, "end"
        yield _element("text", labels[place], x=x, y=y, text_anchor=anchor)


def _nice(values: "Iterator[float | None] | Sequence[float | None]") -> float:
    """Round the largest up to a number that people like."""
    value = max((one for one in values if one), default=0.0)
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(
        (step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if value <= step * power * (1 + 1e-9)), 10 * power
    )


def _titled(title: str, **attributes: "float | str | None") -> Markup:
    inner = _element("title", title) if title else ""
    return _element("rect", inner, **attributes)


def _element(tag: str, inner: "str | Markup" = "", **attributes: "float | str | None") -> Markup:
    """Write an element; what is in it and what it is told is escaped."""
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{f"{value:.1f}" if isinstance(value, float) else escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{told}>{escape(inner)}</{tag}>")  # noqa: S704 - a tag of ours, all else is escaped


def _svg(name: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(
        name, WIDTH, height, Markup("").join(parts)
    )

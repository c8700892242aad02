"""A small drawing for one row of the comparison: predicted intervals as bars, the published value as a diamond."""

from __future__ import annotations

import math

from markupsafe import Markup

from vivocart.scenarios.result import ComparisonRow

_WIDTH, _HEIGHT, _EDGE = 180, 26, 8


def strip_svg(row: ComparisonRow) -> Markup:
    """SVG of one comparison row on its own scale; empty if there is no number to draw.

    Pale bar: 90 % of cohorts with parameter uncertainty; dark bar: with patients only; tick: median; diamond: published;
    a line between two diamonds: a published range.
    """
    observed = [
        value for value in (row.observed_lower, row.observed_value, row.observed_upper) if value is not None
    ]
    predicted = [row.low90, row.high90, row.low90_uncertain, row.high90_uncertain, row.predicted_median]
    known = [value for value in (*observed, *predicted) if math.isfinite(value)]
    if not known or not all(math.isfinite(value) for value in (row.low90, row.high90, row.predicted_median)):
        return Markup("")
    low, high = min(known), max(known)
    span = (high - low) or max(abs(high), 1.0)

    def x(value: float) -> float:
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * (value - low) / span if high > low else _WIDTH / 2, 1)

    middle = _HEIGHT / 2
    parts = [f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" focusable="false">']
    parts.append(f'<line x1="2" x2="{_WIDTH - 2}" y1="{middle}" y2="{middle}" class="axis"/>')
    parts.append(_bar(x(row.low90_uncertain), x(row.high90_uncertain), middle, 10, "wide"))
    parts.append(_bar(x(row.low90), x(row.high90), middle, 10, "narrow"))
    at = x(row.predicted_median)
    parts.append(f'<line x1="{at}" x2="{at}" y1="{middle - 7}" y2="{middle + 7}" class="median"/>')
    if (
        row.observed_lower is not None
        and row.observed_upper is not None
        and row.observed_lower != row.observed_upper
    ):
        parts.append(
            f'<line x1="{x(row.observed_lower)}" x2="{x(row.observed_upper)}" y1="{middle}" y2="{middle}" class="range"/>'
        )
    parts += [_diamond(x(value), middle) for value in dict.fromkeys(observed) if math.isfinite(value)]
    parts.append("</svg>")
    return Markup("".join(parts))


def _bar(left: float, right: float, middle: float, height: float, name: str) -> str:
    if not (math.isfinite(left) and math.isfinite(right)):
        return ""
    width = max(right - left, 2.0)
    return f'<rect x="{left}" y="{middle - height / 2}" width="{width:.1f}" height="{height}" rx="2" class="{name}"/>'


def _diamond(x: float, y: float) -> str:
    return f'<path d="M{x - 5:.1f} {y} L{x} {y - 5} L{x + 5:.1f} {y} L{x} {y + 5} Z" class="observed"/>'

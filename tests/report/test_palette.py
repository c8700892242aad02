from __future__ import annotations

import re

import pytest

from vivocart.report.palette import ARM_COLORS, INK, MUTED, SURFACE, as_css, theme_css


def _luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _theme(dark: bool) -> dict[str, str]:
    blocks = re.findall(r":root\{([^}]*)\}", theme_css())
    return dict(entry.split(":") for entry in blocks[dark].rstrip(";").split(";"))


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_on_the_surface(dark: bool):
    colors = _theme(dark)
    for name in ("--ink", "--muted"):
        assert _contrast(colors[name], colors["--surface"]) >= 4.5
    for number in range(1, len(ARM_COLORS) + 1):
        assert _contrast(colors[f"--arm-{number}"], colors["--surface"]) >= 3


def test_every_color_becomes_a_variable():
    svg = f'<path style="fill: {INK}; stroke: {MUTED}"/><path fill="{SURFACE}"/>'
    assert "#" not in as_css(svg)

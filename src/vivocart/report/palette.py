"""Colors of figures and page, each once, with their light and dark values.

Arms are told apart by people who see red and green alike; text has a contrast of at least 4.5 to 1 on both surfaces.
"""

from __future__ import annotations

INK = "#16191d"
MUTED = "#58616b"
GRID = "#dfe3e8"
SURFACE = "#fdfdfc"
ARM_COLORS = ("#2f6db3", "#bf5b17", "#2b8a6b", "#7a569f", "#a3325b", "#6d6a1f")
BAND = (0.16, 0.30)
"""Opacity of the 90 % and of the 50 % band."""

_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", SURFACE: "--surface"} | {
    color: f"--arm-{number}" for number, color in enumerate(ARM_COLORS, start=1)
}


def as_css(svg: str) -> str:
    """The SVG with each of our colors replaced by the page's variable of that color."""
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg


_DARK = {
    INK: "#e8eaec",
    MUTED: "#a3adb7",
    GRID: "#343a41",
    SURFACE: "#15181b",
    ARM_COLORS[0]: "#7db2ea",
    ARM_COLORS[1]: "#f0a060",
    ARM_COLORS[2]: "#69c9a6",
    ARM_COLORS[3]: "#b99ad9",
    ARM_COLORS[4]: "#e58aa8",
    ARM_COLORS[5]: "#c3bf62",
}


def theme_css() -> str:
    """Style rules that define the page's colors, light first, dark where the reader's screen is dark; paper is light."""
    light = "".join(f"{variable}:{color};" for color, variable in _VARIABLES.items())
    dark = "".join(f"{variable}:{_DARK[color]};" for color, variable in _VARIABLES.items())
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def switchable_theme_css() -> str:
    """The same rules for pages with a switch: ``data-theme`` on the root, if set, wins over the reader's screen."""
    light = "".join(f"{variable}:{color};" for color, variable in _VARIABLES.items())
    dark = "".join(f"{variable}:{_DARK[color]};" for color, variable in _VARIABLES.items())
    return (
        f":root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
    )

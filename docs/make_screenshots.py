"""Pictures of every page at every width, for the README and the docs: ``make screenshots``.

Starts its own server and Chromium (``VIVOCART_CHROMIUM``, or Debian's); asks nobody else. Pictures go to ``docs/images``,
with a palette of 256 colors, so that each stays below 300 kB.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))  # where the explorer's latency is measured

from browser import FLAGS, chromium, served

IMAGES = Path(__file__).parent / "images"
DESKTOP, PHONE = (1440, 900), (390, 844)
MOST_BYTES = 300_000
FOUR = (
    "/#a=HN2301,4,3,3&a=HN2301,2,3,3&a=ex_vivo_cd19_car_t,1000000,1,3"
    "&r=HN2301%204%20mg%20x%203%20every%203%20d%20then%20rituximab%201000%20mg%20after%2028%20d"
)


class Shot(NamedTuple):
    """One picture: where, how large, what has to be there before it is taken, and what is done first."""

    name: str
    path: str
    size: tuple[int, int]
    ready: str
    scheme: str = "light"
    act: Callable[[Page], None] | None = None


def _to_views(page: Page) -> None:
    page.evaluate("document.querySelector('#tabs').scrollIntoView()")


def _heat(page: Page) -> None:
    page.get_by_role("button", name="Compute the map").click()
    page.wait_for_selector("table.map", timeout=180_000)
    _to_views(page)


def _trail(page: Page) -> None:
    name = "/api/v1/numbers/b_cell_depletion_days"
    until = time.monotonic() + 120
    while not page.evaluate(f"fetch('{name}').then(a => a.json()).then(a => a.is_weighed)"):
        if time.monotonic() > until:
            break
        page.wait_for_timeout(1000)
    page.locator("table.endpoints tbody tr", has_text="Longest unbroken").locator("button").first.click()
    page.locator("#trail .parameter").first.wait_for()


def _own_study(page: Page) -> None:
    page.locator("#file").set_input_files(IMAGES.parent / "examples" / "observations" / "my_study.csv")
    page.get_by_role("button", name="Set beside what is predicted").click()
    page.get_by_role("button", name="Download CSV").wait_for(timeout=180_000)


CURVES = "#chart-cytokines .scatterlayer .trace"
SHOTS = (
    Shot("explorer", "/", DESKTOP, CURVES),
    Shot("explorer-dark", "/", DESKTOP, CURVES, "dark"),
    Shot("explorer-phone", "/", PHONE, CURVES),
    Shot("explorer-phone-dark", "/", PHONE, CURVES, "dark"),
    Shot("explorer-four", FOUR, DESKTOP, CURVES),
    Shot("explorer-trail", "/#a=HN2301,4,3,3", DESKTOP, CURVES, act=_trail),
    Shot("explorer-items", "/#t=items", DESKTOP, "#panel-items table", act=_to_views),
    Shot("explorer-heat", "/#a=HN2301,4,3,3&t=heat", DESKTOP, CURVES, act=_heat),
    Shot(
        "explorer-patient", "/#a=HN2301,4,3,3&i=6&t=patient", DESKTOP, "#panel-patient table", act=_to_views
    ),
    Shot("explorer-support", "/#a=HN2301,4,3,3&t=support", DESKTOP, "#panel-support table", act=_to_views),
    Shot("evidence", "/evidence?q=car+t", DESKTOP, ".hits li"),
    Shot("evidence-phone", "/evidence?q=car+t", PHONE, ".hits li"),
    Shot("record", "/evidence/records/mueller2024", DESKTOP, "article.record"),
    Shot("record-phone", "/evidence/records/mueller2024", PHONE, "article.record"),
    Shot("credibility", "/credibility", DESKTOP, ".summary-cards"),
    Shot("credibility-phone", "/credibility", PHONE, ".summary-cards"),
    Shot("uploads", "/uploads", DESKTOP, "#uploads .quiet", act=_own_study),
)


def taken(browser: Any, address: str, shot: Shot) -> bytes:
    """The picture as the browser makes it, a PNG."""
    is_phone = shot.size == PHONE
    context = browser.new_context(
        viewport={"width": shot.size[0], "height": shot.size[1]},
        color_scheme=shot.scheme,
        device_scale_factor=2 if is_phone else 1,
        is_mobile=is_phone,
        has_touch=is_phone,
    )
    page = context.new_page()
    page.goto(f"{address}{shot.path}")
    page.wait_for_selector(shot.ready, timeout=560_000)
    page.wait_for_timeout(1200)
    if shot.act:
        shot.act(page)
        page.wait_for_timeout(600)
    picture = page.screenshot()
    context.close()
    return picture


def small(picture: bytes) -> bytes:
    """The picture with the palette of its 256 most useful colors."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    out = io.BytesIO()
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


def main() -> None:
    """Take the pictures named on the command line, or all."""
    wanted = set(sys.argv[1:])
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(folder) as address, sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=chromium(), args=[*FLAGS, "--font-render-hinting=none"]
        )
        for shot in SHOTS:
            if wanted and shot.name not in wanted:
                continue
            picture = small(taken(browser, address, shot))
            if len(picture) > MOST_BYTES:
                raise SystemExit(f"{shot.name}: {len(picture)} bytes are more than {MOST_BYTES}")
            (IMAGES / f"{shot.name}.png").write_bytes(picture)
            sys.stdout.write(f"{shot.name:22} {len(picture) / 1000:6.0f} kB\n")
        browser.close()


if __name__ == "__main__":
    main()

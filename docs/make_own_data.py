"""Write numbers and figure of ``own_data.md`` from the command that the page shows: ``python docs/make_own_data.py``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pandas as pd

from vivocart.cli.main import run
from vivocart.report.palette import theme_css

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "own_data.md"
EXAMPLE = ROOT / "docs" / "examples" / "theophylline"
FIGURE = ROOT / "docs" / "figures" / "theophylline_vpc.svg"
BEGIN = "<!-- estimates: written by docs/make_own_data.py -->"
END = "<!-- end of estimates -->"
COMMAND = (
    "calibrate --data theophylline.csv --model theophylline.ant --parameters parameters.csv --map map.yaml "
    "--out results/theophylline"
)
# README of nlmixr2est (by stochastic approximation, additive error): typical values as logarithms with standard errors
PUBLISHED = {
    "typical:ka": "1.59 (log 0.464 ± 0.195)",
    "typical:CL": "2.74 (log 1.01 ± 0.085)",
    "typical:V": "31.7 (log 3.46 ± 0.0447)",
    "spread:ka": "CV 71.1 %",
    "spread:CL": "CV 27.4 %",
    "spread:V": "CV 13.1 %",
    "additive:concentration": "0.696",
}
WORDS = {
    "typical": "{} typical value",
    "spread": "{} between patients",
    "additive": "residual error, {}",
}


def table(estimates: pd.DataFrame) -> str:
    """The estimates beside the published ones, as Markdown."""
    rows = ["| number | unit | vivocart | published |", "|---|---|---|---|"]
    for row in estimates.to_dict(orient="records"):
        kind, _, of = row["name"].partition(":")
        log = f" (log {row['normal_scale']:.3f} ± {row['normal_scale_standard_error']:.3f})"
        found = (
            f"{row['estimate']:.3g}{log}"
            if kind == "typical"
            else f"{row['estimate']:.3f} ± {row['standard_error']:.3f}"
        )
        if kind == "spread":
            found = f"CV {row['cv_percent']:.1f} %"
        unit = "" if row["unit"] == "1" else row["unit"]
        rows.append(f"| {WORDS[kind].format(of)} | {unit} | {found} | {PUBLISHED[row['name']]} |")
    return "\n".join(rows)


def figure(report: str) -> str:
    """The predictive check of the report as a picture that stands alone."""
    start = report.index("<svg", report.index('id="figure-vpc"'))
    drawn = report[start : report.index("</svg>", start) + 6]
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    styles = f"<style>{theme_css()} :root{{--font:sans-serif}}</style>"
    opened = drawn.replace("<svg ", head, 1)
    place = opened.index(">") + 1
    return opened[:place] + styles + opened[place:] + "\n"


def main() -> None:
    """Run the page's command and write what it found."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(EXAMPLE)
        try:
            words = COMMAND.replace("results/theophylline", str(Path(folder) / "out")).split()
            if run([*words, "--quiet"]) != 0:
                raise SystemExit("the command of the page failed")
        finally:
            os.chdir(before)
        out = Path(folder) / "out"
        text = PAGE.read_text(encoding="utf-8")
        first, rest = text.split(BEGIN)
        _, last = rest.split(END)
        written = table(pd.read_csv(out / "estimates.csv"))
        PAGE.write_text(f"{first}{BEGIN}\n{written}\n{END}{last}", encoding="utf-8")
        FIGURE.write_text(figure((out / "report.html").read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""What the README shows a newcomer is run as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_example_runs():
    (example,) = _blocks("python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "HN2301 4 mg x 3 every 3 d" in done.stdout
    assert "1/d" in done.stdout


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in "\n".join(_blocks("sh")).splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile
        else:
            command = [str(Path(sys.executable).with_name(words[0])), *words[1:2], "--help"]
            assert subprocess.run(command, capture_output=True, check=False).returncode == 0, line


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_point_somewhere(target: str):
    if not target.startswith("http"):
        assert (ROOT / target).exists()


def test_the_numbers_are_those_of_this_model():
    from vivocart.model.load import load_model

    assert f"model {load_model().hash[:12]}" in README, (
        "run `make docs`: the README shows another model's numbers"
    )

"""The page about the explorer shows every route, and what it shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from vivocart.web.app import create_app
from vivocart.web.settings import LIMITS, ServerSettings

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "explorer_api.md").read_text(encoding="utf-8")


def test_every_route_stands_in_the_page(tmp_path: Path):
    paths = create_app(ServerSettings(work_folder=tmp_path, is_warmed=False, runs_jobs=False)).openapi()[
        "paths"
    ]
    for path in paths:
        short = re.sub(r"\{\w+\}", "{id}", path.removeprefix("/api/v1"))
        assert short in TEXT.replace("{csv,json,report}", "{id}"), path


def test_the_python_examples_run(client: httpx.Client, capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    code = "\n".join(blocks).replace("http://127.0.0.1:8765", str(client.base_url).rstrip("/"))
    names: dict[str, object] = {}
    exec(compile(code.replace("500}", "20}"), "docs/explorer_api.md", "exec"), names)
    names["server"].close()
    said = capsys.readouterr().out
    assert "such patients" in said and "done" in said
    assert len(names["depletion"]) == 4 and len(names["depletion"][0]) == 4


def test_the_limits_are_those_of_the_server():
    assert f"{LIMITS.explore_patients:,} patients at once" in TEXT
    assert f"body {LIMITS.body_bytes // 1024} KiB" in TEXT
    assert f"{LIMITS.queued_jobs} jobs waiting" in TEXT and f"{LIMITS.infusions} infusions" in TEXT

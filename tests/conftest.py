"""Fixtures shared by the tests."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# An example has no deadline of its own: a busy machine is not a wrong result.
hypothesis.settings.register_profile("vivocart", deadline=None)
hypothesis.settings.load_profile("vivocart")

ROOT = Path(__file__).resolve().parent.parent


def suites_folder() -> Path | None:
    """Folder of the public test suites, where the checkout or the environment has one."""
    named = os.environ.get("VIVOCART_SUITES")
    folder = Path(named) if named else ROOT.parent / "shared" / "suites"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def suites() -> Path:
    """The public test suites; without them the test is skipped, aloud."""
    folder = suites_folder()
    if folder is None:
        pytest.skip("the public test suites are not here: set VIVOCART_SUITES to their folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _engine_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled kernels go to a folder that the test processes share and that no user's cache ever meets."""
    shared = tmp_path_factory.getbasetemp().parent / "vivocart-cache"
    os.environ.setdefault("VIVOCART_CACHE_DIR", str(shared))

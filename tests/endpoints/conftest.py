"""The hand-made simulation, as a module, for every test of this room."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    name = "vivocart_endpoint_fakes"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fakes.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def read_fake(fakes):
    """Readings of a hand-made simulation; arguments as in ``fakes.simulation``."""
    from vivocart.endpoints.readings import read

    return lambda *args, **curves: read(fakes.simulation(*args, **curves))[0]

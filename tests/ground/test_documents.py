from __future__ import annotations

from typing import final

import pytest

from vivocart.ground.errors import InputError
from vivocart.ground.tables import Document, parse_document


@final
class Inner(Document):
    dose_mg: float


@final
class Outer(Document):
    id: str
    arms: tuple[Inner, ...] = ()


def message(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_document(text, Outer, name="x.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_document_is_read():
    assert parse_document("id: a\narms: [{dose_mg: 2}]", Outer, name="x.yaml").arms[0].dose_mg == 2.0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("id: a\narms: [{dose_mg: 1}, {dose_mg: much}]", ["x.yaml, arms[1].dose_mg", "much"]),
        ("id: a\nname: b", ["x.yaml, name: unknown key", "known keys: id, arms"]),
        ("idd: a", ["x.yaml, idd: unknown key", "missing here: id"]),
        ("id: a\narms: [{dose: 2}]", ["x.yaml, arms[0].dose: unknown key", "missing here: dose_mg"]),
        ("arms: []", ["x.yaml, id: missing", "add it"]),
        ("id: a\nid: b", ["line 2", "stands twice"]),
        ("id: &a b\narms: *a", ["aliases"]),
        ("id: [a", ["x.yaml, line", "not YAML"]),
        ("", ["no keys"]),
        ("- a", ["no keys"]),
        ("id: 2026-13-45", ["not YAML"]),
        ("id: !!python/object/apply:os.system [ls]", ["not YAML"]),
        ("id: a\narms: [{dose_mg: .nan}]", ["arms[0].dose_mg", "finite"]),
        ("id: " + "[" * 60 + "]" * 60, ["nested"]),
        ("#" * 1_000_001, ["at most"]),
    ],
)
def test_faults_are_named(text: str, parts: list[str]):
    found = message(text)
    assert [part for part in parts if part not in found] == []

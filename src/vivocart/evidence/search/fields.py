"""The search tags: what each is called and where the library looks it up."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Literal, final

from vivocart.ground.tables import Row, read_table

FieldKind = Literal["all", "words", "value", "name", "full_name", "date", "not_kept"]

#: Tags in which words may be asked for near each other, and those whose headings may be asked for without explosion.
PROXIMITY_TAGS = ("ti", "tiab", "ad")
NO_EXPLOSION_TAGS = ("mh", "majr", "sh", "pt")


@final
class Field(Row):
    """One search tag: ``where`` names text columns, prefixes of whole values, or columns of days."""

    tag: str
    name: str
    other_names: str = ""
    kind: FieldKind
    where: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """The parts of ``where``."""
        return tuple(part for part in self.where.split(";") if part)


@functools.cache
def fields() -> Mapping[str, Field]:
    """Every search tag by ``tag``, in the order of ``fields.csv``."""
    rows = read_table(resources.files("vivocart.evidence.search").joinpath("fields.csv"), Field)
    return MappingProxyType({row.tag: row for row in rows})


@functools.cache
def _by_name() -> Mapping[str, Field]:
    names: dict[str, Field] = {}
    for field in fields().values():
        for name in (field.tag, field.name, *field.other_names.split(";")):
            if name:
                names[_plain(name)] = field
    return names


def _plain(name: str) -> str:
    return "".join(name.lower().split())


def find_field(name: str) -> Field | None:
    """The field called ``name`` by tag or in full, case and blanks free; nothing when there is none."""
    return _by_name().get(_plain(name))


def field_names() -> tuple[str, ...]:
    """Every name a tag may have, without blanks and in lower case."""
    return tuple(_by_name())

"""Alternative mechanisms: settings of parameters under which the model tells another story about the same course."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self, final

from pydantic import Field, model_validator

from vivocart.evidence.library import records
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.tables import Document, read_document
from vivocart.model.load import Model, load_model
from vivocart.model.rows import Catalog, ParameterRow, SpreadKind

Question = Literal["dose", "reset"]


@final
class MechanismSetting(Document):
    """Typical value of a parameter under a mechanism, and how unsure it is; without uncertainty the value is held."""

    value: float
    uncertainty: float | None = Field(default=None, ge=0)
    uncertainty_kind: SpreadKind | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.uncertainty is None) != (self.uncertainty_kind is None):
            raise ValueError("give both or neither: uncertainty and uncertainty_kind")
        return self


@final
class Mechanism(Document):
    """One answer to one ``question``: what makes the higher dose more than its share, or what keeps the antibody low.

    ``settings`` replace the typical value and the uncertainty of parameters; all others stay as they are.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    question: Question
    label: str
    sentence: str
    settings: dict[str, MechanismSetting] = Field(min_length=1)
    records: tuple[str, ...] = Field(min_length=1)
    note: str = ""


@final
class _File(Document):
    mechanisms: tuple[Mechanism, ...] = Field(min_length=1)


def load_mechanisms(path: str | Path | None = None) -> Catalog[Mechanism]:
    """Mechanisms by id, in the order of the file; the shipped ones if no file is given.

    Raises
    ------
    InputError
        If the file is malformed, an id stands twice, or a value is outside the limits of its parameter.
    UnknownNameError
        If a setting names no parameter or a record does not exist; the nearest three are named.
    """
    return _shipped() if path is None else _read(Path(path))


@functools.cache
def _shipped() -> Catalog[Mechanism]:
    return _read(files("vivocart.model") / "mechanisms.yaml")


def _read(source: Path | Traversable) -> Catalog[Mechanism]:
    found: dict[str, Mechanism] = {}
    model = load_model()
    for entry in read_document(source, _File).mechanisms:
        where = f"{source.name}, {entry.id}"
        if entry.id in found:
            raise InputError(f"the id '{entry.id}' stands twice", where=where, mend="keep one of them")
        for record in entry.records:
            if record not in records():
                raise UnknownNameError("record", record, records(), where=where)
        with_mechanisms(model, entry)
        found[entry.id] = entry
    return Catalog(found, what="mechanism")


def with_mechanisms(model: Model, *mechanisms: Mechanism) -> Model:
    """The model with the typical values and uncertainties of one mechanism, or of several that answer different questions.

    Its ``hash`` is another one, because its numbers are.

    Raises
    ------
    InputError
        If two mechanisms answer the same question, or a value is outside the limits of its parameter.
    UnknownNameError
        If a setting names no parameter of the model; the nearest three are named.
    """
    rows = dict(model.parameters)
    digest = hashlib.sha256(model.hash.encode())
    questions = [mechanism.question for mechanism in mechanisms]
    if len(set(questions)) < len(questions):
        names = ", ".join(mechanism.id for mechanism in mechanisms)
        raise InputError(
            f"{names} answer the same question", where="mechanisms", mend="give one for each question"
        )
    for mechanism in mechanisms:
        for name, setting in mechanism.settings.items():
            if name not in rows:
                raise UnknownNameError("parameter", name, rows, where=f"mechanism {mechanism.id}")
            rows[name] = _set(rows[name], setting, where=f"mechanism {mechanism.id}")
            digest.update(f"\x1f{name}={setting.model_dump_json()}".encode())
    return dataclasses.replace(
        model,
        parameters=Catalog(rows, what="parameter"),
        hash=digest.hexdigest() if mechanisms else model.hash,
    )


def _set(row: ParameterRow, setting: MechanismSetting, *, where: str) -> ParameterRow:
    low, high = row.lower, row.upper
    if (low is not None and setting.value < low) or (high is not None and setting.value > high):
        raise InputError(
            f"{row.id} = {setting.value:g} is outside its limits {low} to {high}",
            where=where,
            mend="mend the value, or the limits in parameters.csv",
        )
    return row.model_copy(
        update={
            "value": setting.value,
            "uncertainty": setting.uncertainty,
            "uncertainty_kind": setting.uncertainty_kind,
        }
    )

"""Everything that was asked, as one value: shared by the command line, provenance, and a file that asks for it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vivocart.ground.errors import InputError
from vivocart.ground.tables import read_text
from vivocart.therapies.regimen import Regimen

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_MESSAGES = {"missing": "is missing", "extra_forbidden": "unknown key"}

Positive = Annotated[float, Field(gt=0)]


def _ascending(days: tuple[float, ...]) -> tuple[float, ...]:
    if list(days) != sorted(set(days)):
        raise ValueError("write the intervals in ascending order, each once")
    return days


@final
class ArmRequest(BaseModel):
    """One arm as it was asked for: a regimen in a clinician's words, and a name."""

    model_config = _FROZEN

    regimen: str = Field(
        min_length=1, description="regimen as a sentence, such as 'HN2301 4 mg x 3 every 3 d'"
    )
    label: str | None = Field(default=None, description="name of the arm in tables and figures")

    @property
    def name(self) -> str:
        """The label, or the sentence itself."""
        return self.label or self.regimen

    def parsed(self) -> Regimen:
        """The regimen as a value.

        Raises
        ------
        InputError
            If the product is unknown, or dose, number, interval and length do not go together.
        """
        return Regimen.parse(self.regimen)


@final
class Scenario(BaseModel):
    """Everything asked in one run.

    Either a ``study`` (its arms, cohorts and published observations) or ``arms``.
    """

    model_config = _FROZEN

    study: str | None = Field(default=None, description="id of a study, such as hn2301")
    arms: tuple[ArmRequest, ...] = Field(default=(), description="a list of arms, when no study is named")
    n_patients: int = Field(default=1000, ge=1, description="virtual patients in each arm; the same ones")
    seed: int = Field(default=1, ge=0, description="seed of every random number")
    days: Positive = Field(default=180.0, description="length of the simulation in days")
    interval_days: Positive | None = Field(
        default=None,
        description="interval between infusions for the study's arms; the study's default unless given",
    )
    intervals: Annotated[tuple[Positive, ...], AfterValidator(_ascending)] = Field(
        default=(), description="intervals to compare, in days; the study's own unless given"
    )
    observables: tuple[str, ...] = Field(default=(), description="observables to keep; all unless given")
    endpoints: tuple[str, ...] = Field(default=(), description="endpoints to compute; all unless given")

    @model_validator(mode="after")
    def _study_or_arms(self) -> Scenario:
        if bool(self.study) == bool(self.arms):
            raise ValueError("name either a study or at least one arm, not both")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Plain data that asks for the same again; what was left at its default is named too."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """YAML text that :func:`read_scenario` reads back to an equal value."""
        return yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)


def scenario_from(data: Mapping[str, Any], *, where: str) -> Scenario:
    """A scenario from plain data.

    Raises
    ------
    InputError
        Naming the key, the value found and what was expected; the first fault in full, the others counted.
    """
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise _input_error(error, where) from error


def read_scenario(path: Path) -> Scenario:
    """The scenario of a YAML file.

    Raises
    ------
    InputError
        If the file is missing, is not YAML (with line and column), or a key or value is wrong.
    """
    try:
        data = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(
            _yaml_problem(error), where=_yaml_place(error, path), mend="mend the YAML at this place"
        ) from error
    if not isinstance(data, dict):
        found = "an empty file" if data is None else f"a {type(data).__name__}"
        raise InputError(f"expected keys such as 'study: hn2301', found {found}", where=str(path))
    return scenario_from(data, where=str(path))


def parse_arm(text: str) -> ArmRequest:
    """The arm of a line such as ``HN2301 4 mg x 3 every 3 d``, with a name before it if wanted: ``high: HN2301 ...``.

    Raises
    ------
    InputError
        If there is no regimen in the line. Whether it can be given is asked by :meth:`ArmRequest.parsed`.
    """
    label, separator, rest = text.partition(": ")
    regimen = rest if separator else text
    try:
        return ArmRequest(regimen=regimen.strip(), label=label.strip() or None if separator else None)
    except ValidationError as error:
        raise _input_error(error, f"arm '{text}'") from error


def _input_error(error: ValidationError, where: str) -> InputError:
    faults = error.errors()
    first = faults[0]
    key = _key(first["loc"])
    place = f"{where}, {key}" if key else where
    message = first["msg"].removeprefix("Value error, ")
    simple = isinstance(first["input"], str | int | float | bool)
    found = f" (found '{first['input']}')" if simple and first["type"] != "missing" else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InputError(
        f"{_MESSAGES.get(first['type'], message)}{found}", where=place, mend=_mend(first["loc"]) + more
    )


def _mend(location: tuple[int | str, ...]) -> str:
    in_arm = len(location) > 1 and location[0] == "arms"
    fields = ArmRequest.model_fields if in_arm else Scenario.model_fields
    info = fields.get(str(location[-1])) if location else None
    if info is not None and info.description:
        return f"expected: {info.description}"
    return f"keys: {', '.join(fields)}"


def _key(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _yaml_problem(error: yaml.YAMLError) -> str:
    return f"not YAML: {getattr(error, 'problem', None) or error}"


def _yaml_place(error: yaml.YAMLError, path: Path) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark is not None else str(path)

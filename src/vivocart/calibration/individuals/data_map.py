"""What the columns of a table of patients mean in a model: a YAML file, or the same in words on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, final

from pydantic import Field, ValidationError, field_validator

from vivocart.ground.errors import InputError
from vivocart.ground.tables import Document
from vivocart.model.rows import Distribution

ErrorKind = Literal["additive", "proportional", "combined", "lognormal"]
EffectKind = Literal["power", "linear", "category"]

ONLY = "*"
"""Stands for every ``DVID`` or ``CMT`` that is not named, such as that of a file without the column."""


@final
class Observed(Document):
    """What a measurement is of, and how far it may lie from the model.

    The standard deviation around a prediction f is ``additive`` (unit of the observable), ``proportional * f``, the root of
    the sum of both squares (``combined``), or ``additive`` on the scale of the logarithm (``lognormal``). The numbers are
    where the fit starts, taken from the data if left out, and are kept if ``hold``.
    """

    observable: str
    error: ErrorKind = "combined"
    additive: float | None = Field(default=None, gt=0)
    proportional: float | None = Field(default=None, gt=0)
    hold: bool = False


@final
class DoseTarget(Document):
    """The state that a dose goes into, and the parameters that delay it (``lag``) and multiply it (``fraction``)."""

    state: str
    lag: str | None = None
    fraction: str | None = None


@final
class EstimatedParameter(Document):
    """A parameter of the fit: where it starts, how it varies between patients, and what of it is held.

    ``spread`` is the standard deviation on the scale of ``distribution`` (0: the same in all patients).
    """

    value: float | None = None
    distribution: Distribution = "lognormal"
    spread: float = Field(default=0.5, ge=0)
    hold: tuple[Literal["typical", "spread"], ...] = ()

    @field_validator("distribution")
    @classmethod
    def _must_vary(cls, value: Distribution) -> Distribution:
        if value == "none":
            raise ValueError("'none' cannot be fitted; use lognormal, logitnormal or normal")
        return value


@final
class CovariateEffect(Document):
    """How a covariate moves a parameter on the scale on which it is normal.

    ``power``: coefficient times log(covariate / reference), so that a log-normal parameter goes with a power of it.
    ``linear``: coefficient times (covariate - reference). ``category``: coefficient where the covariate is ``level``.
    """

    parameter: str
    covariate: str
    kind: EffectKind = "power"
    reference: float | None = None
    level: str | None = None
    value: float = 0.0
    hold: bool = False


@final
class DataMap(Document):
    """How a table of patients and a model belong together.

    ``observe`` and ``doses`` are keyed by the text of ``DVID`` and ``CMT``; ``*`` is any other. ``set`` gives parameters the
    value of a covariate. ``correlate`` lists groups of parameters that may vary together. ``time_unit`` is the file's.
    """

    observe: dict[str, Observed] = Field(default={})
    doses: dict[str, DoseTarget] = Field(default={})
    estimate: dict[str, EstimatedParameter] = Field(default={})
    covariates: tuple[CovariateEffect, ...] = ()
    set: dict[str, str] = Field(default={})
    correlate: tuple[tuple[str, ...], ...] = ()
    time_unit: str | None = None


_OBSERVE = re.compile(
    r"^(?:(?P<kind>[^=]*)=)?(?P<id>\w+)(?::(?P<error>[a-z]+))?$",
)
_DOSE = re.compile(
    r"^(?:(?P<kind>[^=,]*)=)?(?P<state>\w+)(?:,lag=(?P<lag>\w+))?(?:,fraction=(?P<fraction>\w+))?$"
)
_ESTIMATE = re.compile(r"^(?P<id>\w+)(?:=(?P<value>[-+.\deE]+))?(?:~(?P<spread>[.\deE+-]+))?$")
_POWER = re.compile(
    r"^(?P<parameter>\w+)~(?P<covariate>\w+)(?:/(?P<reference>[.\deE+-]+))?(?:\^(?P<value>[-+.\deE]+))?$"
)
_LEVEL = re.compile(r"^(?P<parameter>\w+)~(?P<covariate>\w+)\[(?P<level>[^\]]+)\]$")


def map_from_words(
    *,
    observe: Sequence[str] = (),
    doses: Sequence[str] = (),
    estimate: Sequence[str] = (),
    covariates: Sequence[str] = (),
    correlate: Sequence[str] = (),
    settings: Sequence[str] = (),
    time_unit: str | None = None,
    start: DataMap | None = None,
) -> DataMap:
    """The map that options spell; what they say takes the place of the same in ``start``.

    Parameters
    ----------
    observe
        ``concentration``, ``1=concentration``, ``1=concentration:proportional``.
    doses
        ``depot``, ``1=depot``, ``1=depot,lag=tlag,fraction=F``.
    estimate
        ``CL``, ``CL=2.8``, ``CL=2.8~0.3`` (spread on the logarithmic scale), ``CL~0`` (the same in all patients).
    covariates
        ``CL~WT`` (a power, estimated), ``CL~WT/70``, ``CL~WT/70^0.75`` (held at 0.75), ``CL~SEX[F]`` (a category).
    correlate
        ``CL,V``.
    settings
        ``body_weight=WT``: the parameter takes the covariate's value.

    Raises
    ------
    InputError
        If a text cannot be read; shows how it is written.
    """
    base = start or DataMap()
    watched = {kind: dict(fields) for kind, fields in map(_observed, observe)}
    targets = {kind: dict(fields) for kind, fields in map(_target, doses)}
    fitted = {name: dict(fields) for name, fields in map(_estimated, estimate)}
    kept = base.model_dump(exclude_unset=True)
    joined = kept | {
        "observe": kept.get("observe", {}) | watched,
        "doses": kept.get("doses", {}) | targets,
        "estimate": kept.get("estimate", {}) | fitted,
        "covariates": [*kept.get("covariates", ()), *map(_effect, covariates)],
        "correlate": [*kept.get("correlate", ()), *(tuple(text.split(",")) for text in correlate)],
        "set": kept.get("set", {}) | dict(map(_setting, settings)),
        "time_unit": time_unit or base.time_unit,
    }
    try:
        return DataMap.model_validate(joined)
    except ValidationError as error:
        fault = error.errors()[0]
        place = " ".join(str(part) for part in fault["loc"])
        raise InputError(f"{fault['msg']} (found {fault['input']!r})", where=f"--{place}") from error


def _matched(pattern: re.Pattern[str], text: str, option: str, example: str) -> Mapping[str, str]:
    found = pattern.match(text.replace(" ", ""))
    if found is None:
        raise InputError(f"'{text}'", where=option, mend=f"write {example}")
    return {name: value for name, value in found.groupdict().items() if value is not None}


def _observed(text: str) -> tuple[str, dict[str, str]]:
    parts = dict(_matched(_OBSERVE, text, "--observe", "1=concentration or 1=concentration:proportional"))
    kinds = ErrorKind.__args__
    if parts.get("error", "combined") not in kinds:
        raise InputError(f"error '{parts['error']}'", where="--observe", mend=f"one of {', '.join(kinds)}")
    kind = parts.pop("kind", ONLY)
    return kind, {"observable": parts.pop("id"), **parts}


def _target(text: str) -> tuple[str, dict[str, str]]:
    parts = dict(_matched(_DOSE, text, "--dose", "1=depot or 1=depot,lag=tlag"))
    return parts.pop("kind", ONLY), parts


def _estimated(text: str) -> tuple[str, dict[str, float]]:
    parts = dict(_matched(_ESTIMATE, text, "--estimate", "CL, CL=2.8 or CL=2.8~0.3"))
    name = parts.pop("id")
    return name, {key: _number(value, "--estimate", text) for key, value in parts.items()}


def _effect(text: str) -> dict[str, str | float | bool]:
    compact = text.replace(" ", "")
    if found := _LEVEL.match(compact):
        return {"kind": "category", **found.groupdict()}
    parts = dict(_matched(_POWER, text, "--covariate", "CL~WT, CL~WT/70^0.75 or CL~SEX[F]"))
    numbers = {
        key: _number(parts[key], "--covariate", text) for key in ("reference", "value") if key in parts
    }
    return {"kind": "power", "hold": "value" in parts, **parts, **numbers}


def _setting(text: str) -> tuple[str, str]:
    name, sign, covariate = text.replace(" ", "").partition("=")
    if not (name and sign and covariate):
        raise InputError(f"'{text}'", where="--set", mend="write body_weight=WT")
    return name, covariate


def _number(text: str, option: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"'{text}' in '{whole}' is not a number", where=option) from None

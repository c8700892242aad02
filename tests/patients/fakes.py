"""A small model with one parameter of each kind, and studies' criteria for the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vivocart.equations.system import Parameter, System
from vivocart.model.rows import Catalog, ParameterRow
from vivocart.patients.criteria import Criterion, EntryCriteria


@dataclass(frozen=True)
class FakeModel:
    system: System
    parameters: Catalog[ParameterRow]


def row(
    name: str, value: float, distribution: str = "none", spread: float | None = None, **more: Any
) -> ParameterRow:
    return ParameterRow(
        id=name,
        value=value,
        unit="1",
        module="fake",
        distribution=distribution,
        spread=spread,
        spread_kind=more.pop("spread_kind", "cv_percent" if spread else None),
        kind="assumed",
        note="fake",
        **more,
    )


ROWS = (
    row("rate", 2.0, "lognormal", 40, uncertainty=30, uncertainty_kind="cv_percent"),
    row(
        "share",
        0.12,
        "logitnormal",
        0.4,
        spread_kind="omega_sd",
        uncertainty=0.6,
        uncertainty_kind="omega_sd",
    ),
    row("level", -3.0, "normal", 1.5, spread_kind="sd", lower=-5.0, upper=-1.0),
    row("fixed", 7.0),
    row("unsure", 5.0, uncertainty=50, uncertainty_kind="cv_percent"),
    row("body_weight", 60.0),
    row("upcr_baseline", 1.5),
)

MODEL = FakeModel(
    system=System(
        id="fake",
        parameters=(
            *(Parameter(id=entry.id, value=0.0) for entry in ROWS),
            Parameter(id="only_in_file", value=11.0),
        ),
        states=(),
        start=(),
    ),
    parameters=Catalog({entry.id: entry for entry in ROWS}, what="parameter"),
)

NCT06801119 = EntryCriteria(
    criteria=(
        Criterion(covariate="age", unit="a", minimum=18, maximum=69),
        Criterion(covariate="sledai_baseline", minimum=6),
        Criterion(covariate="sledai_clinical_baseline", minimum=4),
        Criterion(covariate="prednisone", unit="mg/d", minimum=7.5, maximum=30),
        Criterion(covariate="lymphocytes", unit="10*9/L", minimum=0.8),
    )
)

"""The populations that an exploration may draw its patients from: as shipped, before a fit, after one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from vivocart.calibration.fits import BASE, families
from vivocart.calibration.insight import contraction
from vivocart.calibration.posterior import Posterior, load_posterior, posterior_names
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.model.load import Model, load_model
from vivocart.patients.draws import PopulationDraws, prior_draws
from vivocart.scenarios.shipped_fits import ShippedFits
from vivocart.therapies.regimen import Regimen

SHIPPED, PRIOR = "shipped", "prior"
_PRIOR_DRAWS, _PRIOR_SEED = 400, 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationChoice:
    """One population with what a reader should know of it; ``is_fitted`` after a fit to published summaries."""

    id: str
    label: str
    note: str
    is_fitted: bool


def population_choices() -> tuple[PopulationChoice, ...]:
    """Populations that ship and belong to this model, the model's own first; comparators are in those fitted."""
    own = (
        PopulationChoice(
            id=SHIPPED,
            label="typical values as shipped",
            note="Hand-set typical values, taken as certain: patients differ, what nobody knows does not widen the bands.",
            is_fitted=False,
        ),
        PopulationChoice(
            id=PRIOR,
            label="typical values uncertain, before a fit",
            note="Every patient from a population drawn within the uncertainty that the parameter table states.",
            is_fitted=False,
        ),
    )
    return own + tuple(
        PopulationChoice(
            id=name,
            label=f"fitted to published summaries of {name.upper()}",
            note=f"Fitted to {len(posterior.fitted_ids)} published summaries, not validated: bands hold what patients "
            f"differ in and what the fit left unknown. Made by {posterior.command}.{_comparators_note()}",
            is_fitted=True,
        )
        for name, posterior in fitted_posteriors().items()
    )


def default_population() -> str:
    """The shipped fit of patients and disease; the model's own typical values where none belongs to this model."""
    return next(iter(fitted_posteriors()), SHIPPED)


def _comparators_note() -> str:
    named = [families()[name].label for name in _shipped_fits().names if name != BASE]
    return f" What is a comparator's own comes from its own fit: {', '.join(named)}." if named else ""


@functools.cache
def _shipped_fits() -> ShippedFits:
    return ShippedFits(model=load_model())


def draws_for(
    population: str, draws: PopulationDraws | None, regimen: Regimen | None
) -> tuple[tuple[str, ...], PopulationDraws | None]:
    """Families of comparators in a regimen that have a fit of their own, and the populations with it.

    None, and the draws as they are, but for the shipped fit of HN2301.
    """
    if draws is None or regimen is None or population.lower() != BASE:
        return (), draws
    return _merged(frozenset(product.id for product in regimen.products))


@functools.lru_cache(maxsize=64)
def _merged(products: frozenset[str]) -> tuple[tuple[str, ...], PopulationDraws | None]:
    fits = _shipped_fits()
    return tuple(fits.of_products(products)), fits.draws(products)


@functools.cache
def fitted_posteriors() -> Mapping[str, Posterior]:
    """Shipped posteriors of whole populations that belong to this version of the model, that of HN2301 first."""
    found: dict[str, Posterior] = {}
    whole = [name for name in posterior_names() if name not in families()]
    for name in sorted(whole, key=lambda name: (name != BASE, name)):
        try:
            found[name] = load_posterior(name)
        except InputError:  # of another version of the model: it would say so by name
            continue
    return found


def population_draws(name: str, *, file: Path | None = None) -> PopulationDraws | None:
    """Draws of a population; none for the model's own.

    Parameters
    ----------
    file
        Posterior of a calibration of one's own, for a name that is not shipped.

    Raises
    ------
    UnknownNameError
        If there is no such population.
    InputError
        If a posterior belongs to another version of the model.
    """
    if name == SHIPPED:
        return None
    if name == PRIOR:
        return _prior()
    if file is not None:
        return _read(file, file.stat().st_mtime_ns)
    if name.lower() in posterior_names():
        return (
            load_posterior(name).draws if name.lower() not in fitted_posteriors() else _shipped(name.lower())
        )
    raise UnknownNameError("population", name, [SHIPPED, PRIOR, *posterior_names()], where="population")


@functools.cache
def _prior() -> PopulationDraws:
    return prior_draws(load_model(), _PRIOR_DRAWS, seed=_PRIOR_SEED)


@functools.cache
def _shipped(name: str) -> PopulationDraws:
    return fitted_posteriors()[name].draws


@functools.lru_cache(maxsize=4)
def _read(file: Path, _changed: int) -> PopulationDraws:
    return load_posterior(file).draws


@functools.cache
def fitted_values() -> Mapping[str, Mapping[str, float | str | bool]]:
    """For each parameter in a shipped fit: its typical value's ``q05``, ``median`` and ``q95``, and the fit's ``command``.

    ``contraction`` is the share of the prior variance that is gone (0: nothing learned), and ``is_informed`` says whether it
    is more than chance. What anything published of HN2301 reads is told by that fit; what is a comparator's own, by the
    first family that has it.
    """
    fits = _shipped_fits()
    if fits.base is None:
        return {}
    stats = fits.base.tree["sample_stats"].to_dataset()
    is_read = dict(zip(stats["parameter"].values.astype(str), stats["typical_read"].values, strict=True))
    told = _told(fits.base, fits.model)
    found = {name: told[name] for name in fits.base.draws.typical if is_read.get(name, 0)}
    own = [
        posterior for name in fits.names if name != BASE and (posterior := fits.posterior(name)) is not None
    ]
    for posterior in (*own, fits.base):
        for name, entry in _told(posterior, fits.model).items():
            found.setdefault(name, entry)
    return found


def _told(posterior: Posterior, model: Model) -> dict[str, Mapping[str, float | str | bool]]:
    table = contraction(posterior, model)
    return {
        str(row["parameter"]): {
            **{key: float(row[key]) for key in ("q05", "median", "q95", "contraction")},
            "is_informed": bool(row["informed"]),
            "command": posterior.command,
        }
        for row in table.loc[(table["part"] == "typical").to_numpy(dtype=bool)].to_dict("records")
    }

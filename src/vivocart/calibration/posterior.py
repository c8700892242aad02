"""A posterior of populations: a tree of arrays under the names that ArviZ reads, kept in one NetCDF file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.provenance import Provenance
from vivocart.patients.draws import PopulationDraws

if TYPE_CHECKING:
    import xarray as xr

    from vivocart.model.load import Model

GROUPS = (
    "posterior",
    "prior",
    "posterior_predictive",
    "prior_predictive",
    "observed_data",
    "log_likelihood",
    "sample_stats",
)
"""Groups of the tree."""

SCENARIO_PREFIX = "scenario_"
"""Variables of the posterior that are scenario unknowns begin so: ``scenario_interval_days``."""

_CHAIN = ("chain", "draw")


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Populations after a fit.

    ``tree`` is an :class:`xarray.DataTree` with the groups of :data:`GROUPS`: ``posterior`` and ``prior`` hold ``typical``
    (chain, draw, parameter), ``spread`` (chain, draw, varying) and scenario unknowns; the predictive groups hold
    ``statistic`` (chain, draw, reading) of new cohorts; ``observed_data`` the published numbers.
    """

    tree: xr.DataTree

    @cached_property
    def draws(self) -> PopulationDraws:
        """The populations, equally weighted."""
        return _draws_of(self.tree["posterior"].to_dataset())

    @cached_property
    def prior_draws(self) -> PopulationDraws:
        """Populations of the prior, fewer, for comparison."""
        return _draws_of(self.tree["prior"].to_dataset())

    @cached_property
    def provenance(self) -> Provenance:
        """Model, command, seed and versions behind the fit."""
        found: Mapping[str, Any] = json.loads(str(self.tree.attrs["provenance"]))
        return Provenance(
            model_hash=str(found["model_hash"]),
            parameter_set=str(found["parameter_set"]),
            seed=found["seed"],
            asked=found["asked"],
            record_ids=tuple(found["record_ids"]),
            parameter_ids=tuple(found["parameter_ids"]),
            versions=found["versions"],
        )

    @property
    def command(self) -> str:
        """The command that made it."""
        return str(self.provenance.asked["command"])

    @property
    def fitted_ids(self) -> tuple[str, ...]:
        """Ids of the rows that were fitted."""
        return tuple(self.provenance.asked["fitted"])

    @property
    def held_out(self) -> Mapping[str, str]:
        """Rows of the same studies that were held out, each with the reason."""
        return dict(self.provenance.asked["held_out"])

    @property
    def log_evidence(self) -> float:
        """Logarithm of the probability of the fitted rows under model and prior."""
        return float(self.tree["sample_stats"].attrs["log_evidence"])

    def only(self, names: Collection[str]) -> Self:
        """The same with the typical values and spreads of these parameters alone; what they predict stays."""
        import xarray as xr

        parts: dict[str, xr.Dataset] = {}
        for name, group in self.tree.children.items():
            data = group.to_dataset()
            for dimension in ("parameter", "varying"):
                if dimension in data.coords:
                    data = data.isel({dimension: np.isin(data[dimension].values, list(names))})
            parts[f"/{name}"] = data
        tree = xr.DataTree.from_dict(parts)
        tree.attrs = dict(self.tree.attrs)
        return type(self)(tree=tree)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The posterior of a NetCDF file.

        Raises
        ------
        InputError
            If the file is missing, is no NetCDF, or lacks a group.
        """
        import xarray as xr

        place = Path(path)
        if not place.is_file():
            raise InputError("no such file", where=str(place), mend="run vivocart calibrate")
        try:
            with xr.open_datatree(place, engine="h5netcdf") as opened:
                tree = opened.load()
        except (OSError, ValueError) as error:
            raise InputError(f"not a posterior ({error})", where=str(place)) from error
        missing = [name for name in GROUPS if name not in tree.children]
        if missing or "provenance" not in tree.attrs:
            raise InputError(
                f"not a posterior: no {missing[0] if missing else 'provenance'}",
                where=str(place),
                mend="run vivocart calibrate",
            )
        return cls(tree=tree)

    def write(self, path: str | Path) -> None:
        """Write a NetCDF file (compressed; the same posterior gives the same bytes)."""
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        encoding = {
            f"/{name}": {
                variable: {"zlib": True, "complevel": 9, "shuffle": True}
                for variable, values in group.data_vars.items()
                if values.dtype.kind == "f" and values.size > 1
            }
            for name, group in self.tree.children.items()
        }
        unfinished = place.with_name(place.name + ".part")
        self.tree.to_netcdf(unfinished, engine="h5netcdf", encoding=encoding)
        unfinished.replace(place)


def _draws_of(data: xr.Dataset) -> PopulationDraws:
    def columns(name: str, dimension: str) -> dict[str, np.ndarray]:
        values = np.asarray(data[name].values, dtype=np.float64)
        flat = values.reshape(-1, values.shape[-1])
        return {str(key): flat[:, k].copy() for k, key in enumerate(data[dimension].values)}

    return PopulationDraws(
        typical=columns("typical", "parameter"),
        spread=columns("spread", "varying"),
        scenario={
            str(name).removeprefix(SCENARIO_PREFIX): np.asarray(values.values, dtype=np.float64).ravel()
            for name, values in data.data_vars.items()
            if str(name).startswith(SCENARIO_PREFIX)
        },
    )


def draws_group(draws: PopulationDraws) -> xr.Dataset:
    """Populations as a group of the tree, in single precision: far finer than what is known of them."""
    import xarray as xr

    def stacked(part: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.stack(list(part.values()), axis=1)[None].astype(np.float32)

    n = len(draws)
    variables: dict[str, Any] = {
        "typical": ((*_CHAIN, "parameter"), stacked(draws.typical)),
        "spread": ((*_CHAIN, "varying"), stacked(draws.spread)),
    }
    for name, values in draws.scenario.items():
        variables[SCENARIO_PREFIX + name] = (_CHAIN, np.asarray(values, dtype=np.float32)[None])
    coordinates = {
        "chain": [0],
        "draw": np.arange(n),
        "parameter": list(draws.typical),
        "varying": list(draws.spread),
    }
    return xr.Dataset(variables, coords=coordinates)


def posterior_names() -> tuple[str, ...]:
    """Names of the shipped posteriors."""
    folder = resources.files("vivocart.calibration") / "posteriors"
    if not folder.is_dir():
        return ()
    return tuple(
        sorted(entry.name.removesuffix(".nc") for entry in folder.iterdir() if entry.name.endswith(".nc"))
    )


def load_posterior(name: str | Path, *, model: Model | None = None) -> Posterior:
    """A shipped posterior by name, such as ``hn2301``, or that of a NetCDF file.

    Parameters
    ----------
    model
        The model that it must belong to; the shipped one if left out.

    Raises
    ------
    UnknownNameError
        If there is none of that name; with the nearest three.
    InputError
        If it was made with another version of the model.
    """
    from vivocart.model.load import load_model

    text = str(name)
    if text.endswith(".nc"):
        posterior = Posterior.read(text)
    else:
        if text.lower() not in posterior_names():
            raise UnknownNameError("posterior", text, posterior_names(), where="calibration")
        entry = resources.files("vivocart.calibration") / "posteriors" / f"{text.lower()}.nc"
        with resources.as_file(entry) as path:
            posterior = Posterior.read(path)
    current = (load_model() if model is None else model).hash
    if posterior.provenance.model_hash != current:
        raise InputError(
            "it was fitted to another version of the model",
            where=f"posterior '{text}'",
            mend=f"run again: {posterior.command}",
        )
    return posterior

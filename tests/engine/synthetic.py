"""A stiff model of 45 states for speed and determinism: two drugs, cells in three organs, signals, slow disease.

Made for tests only; nothing in it is meant to describe a patient.
"""

from __future__ import annotations

import numpy as np
import sympy

from vivocart.equations.system import Assignment, Parameter, State, System, symbol

ORGANS = ("blood", "node", "marrow")


def _parameters() -> dict[str, float]:
    values = {"clearance": 11.0, "distribution": 6.0, "return_rate": 0.9, "volume": 3.0, "uptake": 30.0}
    values |= {
        "half_uptake": 0.8,
        "hill": 1.7,
        "carrier_rise": 0.6,
        "carrier_fall": 0.14,
        "carrier_half": 0.8,
    }
    values |= {"express": 16.0, "car_loss": 1.6, "car_death": 0.1, "signal_gain": 14.0, "signal_rate": 16.0}
    values |= {
        "crp_rate": 0.57,
        "crp_power": 0.8,
        "igg_rate": 0.0357,
        "c3_rate": 0.4,
        "inflame": 0.05,
        "leak": 0.03,
    }
    values |= {"antibody_clear": 0.1, "antibody_kill": 3.0, "antibody_half": 10.0, "drive_power": 1.6}
    for organ, scale in zip(ORGANS, (0.35, 55.0, 25.0), strict=True):
        values |= {f"cells_{organ}": 4.0 * scale, f"naive_{organ}": scale, f"memory_{organ}": 0.3 * scale}
        values |= {f"kill_{organ}": 15.0 / (1 + 0.05 * scale), f"half_{organ}": 0.1 * scale}
        values |= {f"in_{organ}": 0.4, f"out_{organ}": 0.15, f"grow_{organ}": 0.02}
    return values


def _kill(target: sympy.Expr, cars: sympy.Expr, organ: str) -> sympy.Expr:
    return symbol(f"kill_{organ}") * cars * target / (cars + target + symbol(f"half_{organ}"))


def synthetic_system() -> System:
    """45 states, 50-odd parameters; doses go into ``drug`` and ``antibody``."""
    s = symbol
    values = _parameters()
    rules, rates, start = [], {}, {}

    def rule(name: str, expression: sympy.Expr) -> sympy.Symbol:
        rules.append(Assignment(id=name, expression=expression))
        return s(name)

    concentration = rule("concentration", s("drug") / s("volume"))
    faster = rule("faster", 1 + 2 * s("carrier") / (s("carrier") + s("carrier_half")))
    power = concentration ** s("hill")
    uptake = rule("uptake_rate", s("uptake") * power / (power + s("half_uptake") ** s("hill")))
    antibody = rule(
        "antibody_effect", s("antibody_kill") * s("antibody") / (s("antibody") + s("antibody_half"))
    )
    rates["drug"] = (
        -s("clearance") * faster * s("drug") - s("distribution") * s("drug") + s("return_rate") * s("deep")
    )
    rates["deep"] = s("distribution") * s("drug") - s("return_rate") * s("deep")
    rates["carrier"] = s("carrier_rise") * concentration - s("carrier_fall") * s("carrier")
    rates["antibody"] = -s("antibody_clear") * s("antibody")
    kills: sympy.Expr = sympy.Integer(0)
    for organ in ORGANS:
        free, made, young, old = (s(f"{kind}_{organ}") for kind in ("free", "made", "young", "old"))
        naive, memory, centre, plasma = (
            s(f"{kind}_{organ}_b") for kind in ("naive", "memory", "centre", "plasma")
        )
        cars = rule(f"cars_{organ}", young + old / 2)
        entering = uptake * free * (1 if organ == "blood" else sympy.Rational(1, 10))
        loss = s("car_loss")
        rates[f"free_{organ}"] = -entering + loss * old + s("car_death") * (s(f"cells_{organ}") - free)
        rates[f"made_{organ}"] = entering - s("express") * made
        rates[f"young_{organ}"] = s("express") * made - (loss + s("car_death")) * young
        rates[f"old_{organ}"] = loss * young - (loss + s("car_death")) * old
        naive0, memory0 = s(f"naive_{organ}"), s(f"memory_{organ}")
        killed = _kill(naive, cars, organ)
        kills += killed
        rates[f"naive_{organ}_b"] = (
            s(f"grow_{organ}") * naive * (1 - naive / naive0)
            + s(f"in_{organ}") * (naive0 - naive)
            - killed
            - antibody * naive
        )
        killed_memory = _kill(memory, cars, organ)
        rates[f"memory_{organ}_b"] = (
            s(f"out_{organ}") * (memory0 * naive / naive0 - memory) - killed_memory - antibody * memory / 2
        )
        kills += killed_memory
        rates[f"centre_{organ}_b"] = sympy.Rational(1, 10) * (
            memory / memory0 * (1 + 2 * s("inflammation")) / 3 - centre
        )
        rates[f"plasma_{organ}_b"] = sympy.Rational(1, 15) * (centre - plasma)
        for kind, value in (("free", s(f"cells_{organ}")), ("made", 0), ("young", 0), ("old", 0)):
            start[f"{kind}_{organ}"] = sympy.sympify(value)
        start |= {f"naive_{organ}_b": naive0, f"memory_{organ}_b": memory0}
        start |= {f"centre_{organ}_b": sympy.Integer(1), f"plasma_{organ}_b": sympy.Integer(1)}
    total = rule("kills", kills)
    mean_plasma = rule("mean_plasma", sum((s(f"plasma_{o}_b") for o in ORGANS), sympy.Integer(0)) / 3)
    rates["activation"] = 12 * (total - s("activation"))
    rates["il6"] = s("signal_rate") * (3 + s("signal_gain") * s("activation") - s("il6"))
    rates["ifn"] = 4 * (s("activation") - s("ifn"))
    rates["crp"] = s("crp_rate") * ((s("il6") / 3) ** s("crp_power") - s("crp"))
    rates["igg"] = s("igg_rate") * ((1 + 3 * mean_plasma) / 4 - s("igg"))
    rates["autoantibody"] = s("igg_rate") * (mean_plasma - s("autoantibody"))
    rates["c3"] = s("c3_rate") * (
        sympy.Rational(135, 100) - s("c3") * (1 + sympy.Rational(35, 100) * s("autoantibody"))
    )
    rates["c4"] = s("c3_rate") * (
        sympy.Rational(155, 100) - s("c4") * (1 + sympy.Rational(55, 100) * s("autoantibody"))
    )
    drive = (s("autoantibody") * sympy.Rational(3, 5) + s("centre_node_b") * sympy.Rational(2, 5)) ** s(
        "drive_power"
    )
    rates["inflammation"] = s("inflame") * (drive - s("inflammation"))
    rates["upcr"] = s("leak") * (sympy.Rational(3, 20) + 2 * s("inflammation") - s("upcr"))
    rates["fever"] = sympy.log(1 + s("il6")) - 2 * s("fever")
    for i in range(1, 7):
        before = s("il6") if i == 1 else s(f"transit_{i - 1}")
        rates[f"transit_{i}"] = 5 * (before - s(f"transit_{i}"))
        start[f"transit_{i}"] = sympy.Integer(3)
    for name in ("drug", "deep", "carrier", "antibody", "activation", "ifn"):
        start[name] = sympy.Integer(0)
    start |= {"il6": sympy.Integer(3), "fever": sympy.log(4) / 2, "upcr": sympy.Rational(215, 100)}
    for name in ("crp", "igg", "autoantibody", "c3", "c4", "inflammation"):
        start[name] = sympy.Integer(1)
    return System(
        id="synthetic",
        parameters=tuple(Parameter(id=k, value=v) for k, v in values.items()),
        states=tuple(State(id=k, rate=v) for k, v in rates.items()),
        start=tuple(Assignment(id=k, expression=start[k]) for k in rates),
        rules=tuple(rules),
    )


def synthetic_patients(n: int, *, spread: float = 0.3, seed: int = 11) -> np.ndarray:
    """(n, n_parameters) log-normal around the typical values."""
    typical = np.array(list(_parameters().values()))
    return typical * np.exp(spread * np.random.default_rng(seed).standard_normal((n, typical.size)))

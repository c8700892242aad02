"""What every identifier of an SBML model is: parameter, derived constant, state or rule, and how its value comes about."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import sympy

from vivocart.equations.system import TIME, Parameter, symbol
from vivocart.formats.mathml import MathReader
from vivocart.formats.mathml_functions import divide, number
from vivocart.ground.errors import InputError

_MOST_RATES = 4  # of rates of rates: a rule that uses its own rate would go on for ever
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@final
@dataclass(slots=True, kw_only=True)
class View:
    """Math read for one moment: while the system moves, or at its start, where a rule stands for its starting value."""

    draft: Draft
    at_start: bool
    reader: MathReader = field(init=False)
    wanted: dict[str, str] = field(
        default_factory=dict[str, str]
    )  # name of a starting value -> the rule it is of, in order of use

    def __post_init__(self) -> None:
        self.reader = MathReader(
            resolve=lambda name: self.symbol(name) if name in self.draft.kinds else None,
            rate=self.rate,
            functions=self.draft.functions,
            file=self.draft.name,
            time=sympy.S.Zero if self.at_start else TIME,
        )

    def symbol(self, name: str) -> sympy.Symbol:
        """What stands for an identifier at this moment."""
        if self.at_start and name in self.draft.rules:
            self.wanted[start_name(name)] = name
            return symbol(start_name(name))
        return symbol(name)

    def rate(self, name: str) -> sympy.Expr:
        """What stands for the rate of change of an identifier at this moment."""
        name = self.wanted.get(name, name)  # at the start, a rule goes by its starting value
        if name not in self.draft.rules and name not in self.draft.rates:
            return sympy.S.Zero
        rate_name = f"rateOf({name})"
        if rate_name.count("rateOf(") > _MOST_RATES:
            raise InputError(
                f"the rate of change of '{name.replace('rateOf(', '').rstrip(')')}' rests on itself",
                where=self.draft.name,
                mend="break the circle",
            )
        if rate_name not in self.draft.rules:
            self.draft.rules[rate_name] = lambda view: self.draft.rate_expression(name, view)
        return self.symbol(rate_name)

    def moved(self, expression: sympy.Expr) -> sympy.Expr:
        """An expression of the moving system, at this moment."""
        if not self.at_start:
            return expression
        names = [s for s in expression.free_symbols if isinstance(s, sympy.Symbol)]
        replaced: dict[sympy.Basic, sympy.Basic] = {
            s: self.symbol(s.name) for s in names if s.name in self.draft.rules
        }
        replaced[TIME] = sympy.S.Zero
        return expression.xreplace(replaced)  # type: ignore[return-value]


Formula = Callable[[View], sympy.Expr]


def start_name(name: str) -> str:
    """Id of the derived constant that holds the starting value of a rule."""
    return f"start({name})"


def amount_name(name: str) -> str:
    """Id of the state that holds the amount of a species whose symbol is a concentration in a changing compartment."""
    return f"amount({name})"


@final
@dataclass(slots=True, kw_only=True)
class Draft:
    """A model on its way to a :class:`~vivocart.equations.system.System`."""

    model: Any
    name: str  # of the file, for messages
    functions: Mapping[str, Any]
    kinds: dict[str, str] = field(default_factory=dict[str, str])  # id -> what the file calls it
    assigned: dict[str, Any] = field(default_factory=dict[str, Any])  # id -> math of its assignment rule
    rated: dict[str, Any] = field(default_factory=dict[str, Any])  # id -> math of its rate rule
    initial: dict[str, Any] = field(default_factory=dict[str, Any])  # id -> math of its initial assignment
    targets: set[str] = field(default_factory=set[str])  # ids that events assign
    parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    rules: dict[str, Formula] = field(default_factory=dict[str, Formula])
    rates: dict[str, Formula] = field(default_factory=dict[str, Formula])  # of the states
    starts: dict[str, Formula] = field(default_factory=dict[str, Formula])
    units: dict[str, str] = field(default_factory=dict[str, str])
    names: dict[str, str] = field(default_factory=dict[str, str])

    def declare(self, element: Any, kind: str) -> str:
        """The identifier of an element, once it is known to be one and to be new."""
        name = element.getIdAttribute()
        if not _IDENTIFIER.fullmatch(name):
            raise InputError(
                f"the {kind} id '{name[:60]}' is not an identifier",
                where=f"{self.name}, line {element.getLine()}",
                mend="use letters, digits and _, not starting with a digit",
            )
        if name in self.kinds or name in self.functions:
            raise InputError(f"the id '{name}' is used twice", where=f"{self.name}, line {element.getLine()}")
        self.kinds[name] = kind
        if element.isSetName():
            self.names[name] = element.getName()
        return name

    def place(self, name: str, value: float, unit: str) -> None:
        """Give a compartment, parameter or stoichiometry its part: rule, state, derived constant or parameter."""
        if name in self.assigned:
            self.rules[name] = self.formula(self.assigned, name, "assignment rule")
            self.units[name] = unit
            return
        starting = self.starting(name, lambda _: number(value))
        if name in self.rated:
            self.state(name, self.formula(self.rated, name, "rate rule"), starting, unit)
        elif name in self.targets:
            self.state(name, lambda _: sympy.S.Zero, starting, unit)
        elif name in self.initial:
            self.starts[name] = starting
            self.units[name] = unit
        else:
            self.parameters[name] = Parameter(id=name, value=value, unit=unit)

    def state(self, name: str, rate: Formula, starting: Formula, unit: str) -> None:
        """Make ``name`` a state."""
        self.rates[name] = rate
        self.starts[name] = starting
        self.units[name] = unit

    def formula(self, source: Mapping[str, Any], name: str, kind: str) -> Formula:
        """The math that ``source`` holds for ``name``, to be read at one moment or another."""
        node = source[name]
        return lambda view: view.reader.number(node, f"{kind} of {name}")

    def starting(self, name: str, otherwise: Formula) -> Formula:
        """The initial assignment of ``name``, or else ``otherwise``."""
        return self.formula(self.initial, name, "initial assignment") if name in self.initial else otherwise

    def is_varying(self, name: str) -> bool:
        """Whether a compartment's size can change after the start."""
        return name in self.assigned or name in self.rated or name in self.targets

    def is_in_amounts(self, species: Any) -> bool:
        """Whether a species' symbol means its amount: where it says so, and where there is no size to divide by."""
        if species.getHasOnlySubstanceUnits():
            return True
        compartment, name = self.model.getCompartment(species.getCompartment()), species.getCompartment()
        has_size = compartment.isSetSize() or name in self.initial or self.is_varying(name)
        return compartment.getSpatialDimensions() == 0 and not has_size

    def place_species(self, species: Any, amount_rate: Formula | None) -> None:
        """Give a species its part; ``amount_rate`` is what reactions do to its amount, if they may."""
        name, compartment = species.getIdAttribute(), species.getCompartment()
        if self.kinds.get(compartment) != "compartment":
            raise InputError(
                f"the compartment '{compartment}' of species '{name}' is missing", where=self.name
            )
        in_amounts = self.is_in_amounts(species)
        unit = _species_unit(self.model, species)
        if name in self.rated and not in_amounts and compartment in self.targets:
            self._place_by_amount(species, self._amount_rate_of_rule(name, compartment), unit)
        elif name in self.assigned or name in self.rated:
            self.place(name, math.nan, unit)
            if name in self.rated:
                self.starts[name] = self.starting(name, _initial_value(species, in_amounts))
        elif in_amounts or not self.is_varying(compartment):
            self._place_directly(species, amount_rate, unit)
        else:
            self._place_by_amount(species, amount_rate, unit)

    def _amount_rate_of_rule(self, name: str, compartment: str) -> Formula:
        """What a rate rule for a concentration does to the amount, which an event on the compartment leaves alone."""
        concentration_rate = self.formula(self.rated, name, "rate rule")

        def rate(view: View) -> sympy.Expr:
            diluted = sympy.Mul(view.symbol(name), view.rate(compartment))
            return sympy.Add(sympy.Mul(concentration_rate(view), view.symbol(compartment)), diluted)

        return rate

    def _place_directly(self, species: Any, amount_rate: Formula | None, unit: str) -> None:
        name, compartment = species.getIdAttribute(), species.getCompartment()
        in_amounts = self.is_in_amounts(species)
        starting = self.starting(name, _initial_value(species, in_amounts))
        if amount_rate is None and name not in self.targets:
            given = species.getInitialAmount() if in_amounts else species.getInitialConcentration()
            is_given = species.isSetInitialAmount() if in_amounts else species.isSetInitialConcentration()
            if is_given and name not in self.initial:
                self.parameters[name] = Parameter(id=name, value=given, unit=unit)
            else:
                self.starts[name] = starting
                self.units[name] = unit
            return
        moving = amount_rate or (lambda _: sympy.S.Zero)
        rate = moving if in_amounts else (lambda view: divide(moving(view), view.symbol(compartment)))
        self.state(name, rate, starting, unit)

    def _place_by_amount(self, species: Any, amount_rate: Formula | None, unit: str) -> None:
        name, compartment = species.getIdAttribute(), species.getCompartment()
        amount, given = amount_name(name), _initial_value(species, True)
        if name in self.initial:
            assigned = self.formula(self.initial, name, "initial assignment")
            given = lambda view: sympy.Mul(assigned(view), view.symbol(compartment))  # noqa: E731
        if amount_rate is None and name not in self.targets:
            self.starts[amount] = given
            self.units[amount] = species.getSubstanceUnits()
        else:
            self.state(amount, amount_rate or (lambda _: sympy.S.Zero), given, species.getSubstanceUnits())
        self.rules[name] = lambda view: divide(view.symbol(amount), view.symbol(compartment))
        self.units[name] = unit

    def rate_expression(self, name: str, view: View) -> sympy.Expr:
        """The rate of change of a state or rule: a rule's by the chain rule."""
        if name in self.rates:
            return self.rates[name](view)
        moving = View(draft=self, at_start=False)
        expression = self.rules[name](moving)
        terms: list[sympy.Expr] = [sympy.diff(expression, TIME)]
        for source in sorted(expression.free_symbols, key=str):
            if source != TIME and isinstance(source, sympy.Symbol):
                terms.append(sympy.diff(expression, source) * moving.rate(source.name))
        return view.moved(sympy.Add(*terms))


def _initial_value(species: Any, as_amount: bool) -> Formula:
    compartment = species.getCompartment()
    amount = species.getInitialAmount() if species.isSetInitialAmount() else None
    concentration = species.getInitialConcentration() if species.isSetInitialConcentration() else None
    if amount is None and concentration is None:
        return lambda _: sympy.nan
    if as_amount:
        if amount is not None:
            return lambda _: number(amount)
        return lambda view: sympy.Mul(number(concentration), view.symbol(compartment))  # type: ignore[arg-type]
    if concentration is not None:
        return lambda _: number(concentration)
    return lambda view: divide(number(amount), view.symbol(compartment))  # type: ignore[arg-type]


def _species_unit(model: Any, species: Any) -> str:
    substance = species.getSubstanceUnits() or model.getSubstanceUnits()
    compartment = model.getCompartment(species.getCompartment())
    if species.getHasOnlySubstanceUnits() or compartment is None or not substance:
        return substance
    size = compartment.getUnits() or model.getVolumeUnits()
    return f"{substance}/{size}" if size else substance

"""Which studies are put to the test, and how each treated its patients: shipped study files, or a user's own table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from vivocart.calibration.measures import Measure, measures_of
from vivocart.calibration.observations import Observation, observations
from vivocart.calibration.own_observations import OwnRow, OwnTable
from vivocart.ground.errors import InputError, UnknownNameError
from vivocart.ground.units import convert
from vivocart.model.load import Model
from vivocart.patients.criteria import EntryCriteria
from vivocart.patients.criteria_text import read_criteria
from vivocart.scenarios.readings import with_visits
from vivocart.simulation.rescue import Rescue
from vivocart.simulation.taper import Taper
from vivocart.therapies.product import find_product
from vivocart.therapies.regimen import Regimen
from vivocart.trials.protocol import Study, load_study, reference_entry, study_ids

_USUAL_DAYS = 180.0
_LONGEST_DAYS = 3_650.0
_NO_STUDY_FILE = "no study file says how its patients were treated"
_RESCUE = re.compile(
    r"(?P<product>\S+)\s+(?P<dose>[\d.]+)\s*\S*\s+(?:when|if)\s+(?P<observable>\w+)\s*(?:>|above)\s*(?P<threshold>[\w.]+)"
    r"(?:\s*,?\s*after\s+(?P<delay>[\d.]+)\s*h)?(?:\s*,?\s*at most\s+(?P<most>\d+))?",
    re.IGNORECASE,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPlan:
    """An arm: patients whom the source treated, and the regimen by interval (None where the arm fixes its own)."""

    id: str
    n_patients: int
    regimens: Mapping[float | None, Regimen]

    def regimen(self, interval_days: float | None) -> Regimen:
        """The regimen at an interval."""
        return self.regimens[None] if None in self.regimens else self.regimens[interval_days]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPlan:
    """A study whose observations are predicted.

    ``measures`` and ``conditions`` say what each observation reads, by its id; ``reasons`` why others are not predicted.
    ``notes`` are sentences on how the study was read.
    """

    study_id: str
    title: str
    is_own: bool
    arms: tuple[ArmPlan, ...]
    intervals_days: tuple[float, ...]
    criteria: EntryCriteria | None
    rescue: tuple[Rescue, ...]
    taper: Taper | None
    days: float
    observations: tuple[Observation, ...]
    measures: Mapping[str, Measure]
    conditions: Mapping[str, Measure]
    reasons: Mapping[str, str]
    notes: tuple[str, ...] = ()
    unread: tuple[OwnRow, ...] = field(default_factory=tuple[OwnRow, ...])

    @property
    def regimens(self) -> tuple[tuple[str, int, str], ...]:
        """Arm, patients and regimen of each arm in words; an interval that was not published stands as its scenarios."""
        return tuple((arm.id, arm.n_patients, _regimen_words(arm)) for arm in self.arms)


def _regimen_words(arm: ArmPlan) -> str:
    if None in arm.regimens:
        return arm.regimens[None].sentence
    days = [days for days in arm.regimens if days is not None]
    text = arm.regimens[days[0]].sentence.replace(f"every {days[0]:g} d", "every {} d")
    return text.format(f"{', '.join(f'{day:g}' for day in days[:-1])} or {days[-1]:g}")


def shipped_plans(model: Model, chosen: Sequence[str] = ()) -> list[ValidationPlan]:
    """Every study of the shipped observations, or those ``chosen`` by id; unpredictable ones with the reason.

    Raises
    ------
    UnknownNameError
        If a chosen study has no observation.
    """
    by_study: dict[str, list[Observation]] = {}
    for row in observations():
        by_study.setdefault(row.study_id, []).append(row)
    known = {name.lower(): name for name in by_study}
    for name in chosen:
        if name.lower() not in known:
            raise UnknownNameError("study", name, by_study, where="study")
    wanted = [known[name.lower()] for name in chosen] or list(by_study)
    return [_shipped_plan(model, name, by_study[name]) for name in wanted]


def own_plans(model: Model, table: OwnTable) -> list[ValidationPlan]:
    """The studies of a user's table; what cannot be read stands in them with the reason."""
    by_study: dict[str, list[OwnRow]] = {}
    for row in table.rows:
        by_study.setdefault(row.study_id, []).append(row)
    return [_own_plan(model, name, rows) for name, rows in by_study.items()]


def _shipped_plan(model: Model, study_id: str, rows: Sequence[Observation]) -> ValidationPlan:
    study = load_study(study_id) if study_id.lower() in study_ids() else None
    rows = rows if study is None else with_visits(rows, study)
    measures, conditions, reasons = _resolved(model, rows)
    if study is None:
        return ValidationPlan(
            study_id=study_id,
            title=study_id,
            is_own=False,
            arms=(),
            intervals_days=(),
            criteria=None,
            rescue=(),
            taper=None,
            days=0.0,
            observations=tuple(rows),
            measures={},
            conditions={},
            reasons={row.id: reasons.get(row.id, _NO_STUDY_FILE) for row in rows},
        )
    return ValidationPlan(
        study_id=study_id,
        title=study.title,
        is_own=False,
        arms=_study_arms(study),
        intervals_days=study.interval_scenarios_days,
        criteria=study.entry,
        rescue=study.rescues,
        taper=None if study.taper is None else study.taper.as_taper(),
        days=_length(study.follow_up_days, measures.values()),
        observations=tuple(rows),
        measures=measures,
        conditions=conditions,
        reasons=reasons,
        notes=study.assumptions,
    )


def _resolved(
    model: Model, rows: Sequence[Observation]
) -> tuple[dict[str, Measure], dict[str, Measure], dict[str, str]]:
    """Measure and condition of each row, and why others have none."""
    measures: dict[str, Measure] = {}
    conditions: dict[str, Measure] = {}
    reasons: dict[str, str] = {}
    for row in rows:
        if not row.measure:
            reasons[row.id] = row.note
            continue
        try:
            found, given = measures_of(row, model)
        except InputError as error:
            reasons[row.id] = str(error)
            continue
        measures[row.id] = found
        if given is not None:
            conditions[row.id] = given
    return measures, conditions, reasons


def _study_arms(study: Study) -> tuple[ArmPlan, ...]:
    return tuple(
        ArmPlan(
            id=arm.id,
            n_patients=arm.n_patients,
            regimens={days: arm.as_regimen(days) for days in study.interval_scenarios_days}
            if arm.needs_interval
            else {None: arm.as_regimen()},
        )
        for arm in study.arms
    )


def _own_plan(model: Model, study_id: str, rows: Sequence[OwnRow]) -> ValidationPlan:
    kept = tuple(row.observation for row in rows if row.observation is not None)
    if study_id.lower() in study_ids():
        kept = with_visits(kept, load_study(study_id))
    measures, conditions, reasons = _resolved(model, kept)
    notes: list[str] = []
    arms = _OwnArms(arms=(), intervals_days=(), reasons={})
    criteria: EntryCriteria | None = None
    rescue: tuple[Rescue, ...] = ()
    days = _USUAL_DAYS
    try:
        arms = _own_arms(study_id, rows)
        criteria = _own_criteria(study_id, rows, notes)
        rescue = _own_rescue(study_id, rows, notes)
        days = _own_length(rows, kept)
        if arms.intervals_days and any(row.cells.get("regimen") for row in rows):
            stated = ", ".join(f"{interval:g}" for interval in arms.intervals_days)
            notes.append(f"The interval is not written: {stated} d are taken, each equally often.")
    except InputError as error:
        reasons = {row.id: str(error) for row in kept}
    for row in kept:
        refused = arms.reasons.get(row.arm) or (
            next(iter(arms.reasons.values()), "") if row.arm == "all" else ""
        )
        if refused:
            reasons.setdefault(row.id, refused)
    shipped = {row.study_id.lower() for row in observations()}
    return ValidationPlan(
        study_id=f"{study_id} (own rows)" if study_id.lower() in shipped else study_id,
        title=study_id,
        is_own=True,
        arms=arms.arms,
        intervals_days=arms.intervals_days,
        criteria=criteria,
        rescue=rescue,
        taper=None,
        days=_length(days, [*measures.values(), *conditions.values()]),
        observations=kept,
        measures={name: measure for name, measure in measures.items() if name not in reasons},
        conditions=conditions,
        reasons=reasons,
        notes=tuple(notes),
        unread=tuple(row for row in rows if row.observation is None),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _OwnArms:
    """Arms that can be given, and why others cannot."""

    arms: tuple[ArmPlan, ...]
    intervals_days: tuple[float, ...]
    reasons: Mapping[str, str]


def _own_arms(study_id: str, rows: Sequence[OwnRow]) -> _OwnArms:
    """Arms with their regimens: from the rows, or from the shipped study of that id."""
    written: dict[str, str] = {}
    for row in rows:
        text = row.cells.get("regimen", "")
        if text and written.setdefault(row.arm, text) != text:
            raise InputError(
                f"arm '{row.arm}' has two regimens: '{written[row.arm]}' and '{text}'",
                where=f"row {row.line}, regimen",
                mend="give the arms different names",
            )
    names = list(dict.fromkeys(row.arm for row in rows))
    single = [name for name in names if name != "all"] or ["all"]
    if "all" in written and len(written) == 1:
        written = {name: written["all"] for name in single}
    study = load_study(study_id) if study_id.lower() in study_ids() else None
    if not written and study is not None:
        return _OwnArms(arms=_study_arms(study), intervals_days=study.interval_scenarios_days, reasons={})
    arms: list[ArmPlan] = []
    reasons: dict[str, str] = {}
    for name in single:
        try:
            regimens = _own_regimens(_regimen_text(study_id, name, written))
        except InputError as error:
            reasons[name] = str(error)
            continue
        arms.append(ArmPlan(id=name, n_patients=_arm_size(rows, name, len(single)), regimens=regimens))
    intervals = {days for arm in arms for days in arm.regimens if days is not None}
    return _OwnArms(arms=tuple(arms), intervals_days=tuple(sorted(intervals)), reasons=reasons)


def _own_regimens(text: str) -> dict[float | None, Regimen]:
    """The regimen of a sentence; by interval where the sentence and the product have none."""
    try:
        return {None: Regimen.parse(text)}
    except InputError as error:
        scenarios = load_study("hn2301").interval_scenarios_days
        if error.where != "interval_days" or " every " in text.lower():
            raise
    return {days: Regimen.parse(f"{text.rstrip(' ,')} every {days:g} d") for days in scenarios}


def _regimen_text(study_id: str, arm: str, written: Mapping[str, str]) -> str:
    if arm not in written:
        raise InputError(
            f"arm '{arm}' of '{study_id}' has no regimen",
            where="regimen",
            mend='write one, such as "HN2301 4 mg x 3 every 3 d", in one row of the arm',
        )
    return written[arm]


def _arm_size(rows: Sequence[OwnRow], arm: str, n_arms: int) -> int:
    """Patients of an arm: the most that one of its rows counts."""
    counted = [
        row.observation.n
        for row in rows
        if row.observation is not None and (row.arm == arm or (row.arm == "all" and n_arms == 1))
    ]
    return max([1, *counted])


def _own_criteria(study_id: str, rows: Sequence[OwnRow], notes: list[str]) -> EntryCriteria | None:
    texts = list(dict.fromkeys(row.cells["population"] for row in rows if row.cells.get("population")))
    if len(texts) > 1:
        raise InputError(
            f"'{study_id}' has two populations: '{texts[0]}' and '{texts[1]}'",
            where="population",
            mend="write one, or give the studies different names",
        )
    text = texts[0] if texts else study_id
    if text.lower() in study_ids():
        notes.append(f"Population: as in the study {text}.")
        return load_study(text).entry
    if not texts:
        notes.append("Population: none is written, so that of NCT06801119 is taken.")
        return reference_entry()
    found = read_criteria(text)
    notes.append(f"Population read as: {found.criteria or 'adults with lupus, no limit'}.")
    if found.not_read:
        notes.append(f"Population not read, and so not applied: {'; '.join(found.not_read)}.")
    return found.criteria


def _own_rescue(study_id: str, rows: Sequence[OwnRow], notes: list[str]) -> tuple[Rescue, ...]:
    texts = list(dict.fromkeys(row.cells["rescue"] for row in rows if row.cells.get("rescue")))
    if not texts and study_id.lower() in study_ids():
        return load_study(study_id).rescues
    rules: list[Rescue] = []
    for text in texts:
        if text.lower() in ("none", "no"):
            continue
        if text.lower() in study_ids():
            notes.append(f"Rescue: as in the study {text}.")
            rules.extend(load_study(text).rescues)
            continue
        rules.append(_rescue_rule(text))
    if not rules:
        notes.append("No rescue drug is given.")
    return tuple(rules)


def _rescue_rule(text: str) -> Rescue:
    found = _RESCUE.fullmatch(text.strip())
    if found is None:
        raise InputError(
            f"'{text}'",
            where="rescue",
            mend="write a shipped study's id, none, or tocilizumab 8 mg/kg when cytokine_signal > crs_grade2_threshold",
        )
    threshold = found["threshold"]
    return Rescue(
        product=find_product(found["product"]).id,
        observable=found["observable"],
        threshold=float(threshold) if re.fullmatch(r"[\d.]+", threshold) else threshold,
        dose=float(found["dose"]),
        delay_hours=float(found["delay"] or 0.0),
        maximum_count=int(found["most"] or 1),
    )


def _own_length(rows: Sequence[OwnRow], kept: Sequence[Observation]) -> float:
    """Follow-up as written; else half a year, or twice the longest time that is stated."""
    written = [row.cells["follow_up_days"] for row in rows if row.cells.get("follow_up_days")]
    for text in written:
        try:
            return float(text)
        except ValueError as error:
            raise InputError(f"'{text}' is not a number", where="follow_up_days", mend="give days") from error
    stated = [
        2.0 * convert(number, row.unit, "d")
        for row in kept
        if row.unit in ("d", "h")
        for number in (row.value, row.lower, row.upper)
        if number is not None
    ]
    return max([_USUAL_DAYS, *stated])


def _length(days: float, measures: Iterable[Measure]) -> float:
    """Days to simulate after the first infusion: the follow-up, or the last reading or visit beyond it."""
    measures = list(measures)
    needed = [measure.day + 1.0 for measure in measures if measure.day is not None]
    needed += [measure.visits.days[-1] for measure in measures if measure.visits is not None]
    return min(max([days, *needed]), _LONGEST_DAYS)

"""Blocks of results that fill the items of a model analysis report: sentences and tables made of computed numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from vivocart.report.credibility_table import answers as coverage_sentences
from vivocart.report.spelling import exact, in_print, number, unit_words
from vivocart.scenarios.model_analysis import Answer, ModelAnalysis
from vivocart.scenarios.summary import heaviest, kinds, records

_SHOWN = 10

Limits = Mapping[str, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Sentences, and a table if ``columns`` are given. ``computed`` says that its numbers come from this analysis.

    A long table is ``folded`` under the words given.
    """

    lines: tuple[str, ...]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    link: str = ""
    computed: bool = True
    folded: str = ""

    @property
    def has_results(self) -> bool:
        """Whether there is a computed number in it: words alone fill nothing."""
        text = " ".join([*self.lines, *(cell for row in self.rows for cell in row)])
        return self.computed and re.search(r"\d", text) is not None


def check_block(analysis: ModelAnalysis, limits: Limits, ids: Sequence[str]) -> Block:
    """Checks that were run, each beside the limit that was stated beforehand."""
    chosen = [check for check in analysis.checks if check.id in ids]
    rows = tuple(
        (
            check.title,
            f"{check.value:.2g}".replace("-", "\u2011"),
            f"at most {limits[check.id]:g}".replace("-", "\u2011"),
            "passed" if check.value <= limits[check.id] else "FAILED",
            check.meaning,
        )
        for check in chosen
    )
    n_passed = sum(check.value <= limits[check.id] for check in chosen)
    return Block(
        lines=(f"{n_passed} of {len(chosen)} checks passed that this command ran.",),
        columns=("Check", "Found", "Limit, stated before", "Verdict", "What the number is"),
        rows=rows,
    )


def rating_block(rating: str, rationale: str) -> Block:
    """What whoever decides said; it fills nothing by itself."""
    return Block(lines=(f"{rating}: {rationale}",), computed=False)


def _question(_: ModelAnalysis, question: str, _context: str, _limits: Limits) -> Block:
    return Block(lines=(question,), computed=False)


def _context(_: ModelAnalysis, _question: str, context: str, _limits: Limits) -> Block:
    return Block(lines=(context,), computed=False)


def _answers(analysis: ModelAnalysis, *_: object) -> Block:
    arms = list(dict.fromkeys(answer.arm for answer in analysis.answers))
    names = list(dict.fromkeys(answer.endpoint for answer in analysis.answers))
    found = {(answer.endpoint, answer.arm): answer for answer in analysis.answers}
    rows = tuple(
        (in_print(found[name, arms[0]].label), *(_answer_words(found[name, arm]) for arm in arms))
        for name in names
    )
    return Block(
        lines=(
            f"{analysis.n_populations} populations from the {analysis.source.label}, each of {analysis.n_patients} patients "
            f"in every arm; {analysis.n_failed} could not be integrated. Share of patients or median over patients; in "
            "brackets 90 % of populations: what is not known.",
        ),
        columns=("Endpoint", *arms),
        rows=rows,
    )


def _answer_words(answer: Answer) -> str:
    unit = "% of patients" if answer.is_flag else unit_words(answer.unit)
    return f"{number(answer.median)} ({number(answer.low90)} to {number(answer.high90)}) {unit}".strip()


def _evidence(analysis: ModelAnalysis, *_: object) -> Block:
    total = sum(analysis.evidence.values())
    counted = kinds(analysis.weights)
    return Block(
        lines=(
            f"{total} parameters by what was read of their sources: "
            + ", ".join(f"{count} {state}" for state, count in analysis.evidence.items())
            + ".",
            "By kind: " + ", ".join(f"{count} {kind}" for kind, count in counted.items()) + ".",
            f"{len(analysis.credibility.rows)} published observations of {len(analysis.credibility.plans)} studies.",
        )
    )


def _other_evidence(analysis: ModelAnalysis, *_: object) -> Block:
    own = [row for row in analysis.credibility.rows if row.study_id == analysis.study.id]
    judged = [row for row in own if row.prediction is not None]
    return Block(
        lines=(
            f"Beside the model stand {len(own)} published observations of {analysis.study.id} itself, "
            f"{len(judged)} of which the model can predict; the study treated {analysis.study.n_patients} patients.",
        )
    )


def _criteria(analysis: ModelAnalysis, _question: str, _context: str, limits: Limits) -> Block:
    checks = check_block(analysis, limits, [check.id for check in analysis.checks])
    rows = tuple(
        (
            f"Coverage of {100 * entry.level:.0f} %, {entry.status}",
            f"{entry.n_inside} of {entry.n}",
            f"{100 * entry.level:.0f} % within the exact interval",
            "passed" if entry.is_plausible else "FAILED",
            "published numbers in the central interval of predicted cohorts",
        )
        for entry in analysis.credibility.coverage
    )
    failed = [row[0] for row in (*checks.rows, *rows) if row[3] == "FAILED"]
    n_rows = len(checks.rows) + len(rows)
    said = f"; not met: {', '.join(failed)}" if failed else ""
    return Block(
        lines=(f"{n_rows - len(failed)} of {n_rows} criteria are met{said}.",),
        columns=checks.columns,
        rows=(*checks.rows, *rows),
    )


def _criteria_met(analysis: ModelAnalysis, question: str, context: str, limits: Limits) -> Block:
    return Block(lines=_criteria(analysis, question, context, limits).lines)


def _coverage(analysis: ModelAnalysis, *_: object) -> Block:
    return Block(
        lines=tuple(sentence.replace("**", "") for sentence in coverage_sentences(analysis.credibility)),
        link="#coverage",
    )


def _table(analysis: ModelAnalysis, *_: object) -> Block:
    rows = analysis.credibility.rows
    judged = [row for row in rows if row.prediction is not None]
    inside = sum(all(part.is_inside for part in row.parts) for row in judged)
    return Block(
        lines=(
            f"{len(judged)} of {len(rows)} observations are predicted, {inside} with every part inside its central 90 %; "
            f"{len(rows) - len(judged)} are not predicted, each with its reason.",
        ),
        link="#table",
    )


def _summary(analysis: ModelAnalysis, *_: object) -> Block:
    top = [answer for answer in analysis.answers if answer.arm == analysis.answers[-1].arm][:3]
    said = "; ".join(f"{in_print(answer.label)}: {_answer_words(answer)}" for answer in top)
    return Block(lines=(f"{top[0].arm}: {said}.",), link="#items")


def _reproduction(analysis: ModelAnalysis, *_: object) -> Block:
    versions = ", ".join(f"{name} {version}" for name, version in analysis.provenance.versions.items())
    return Block(
        lines=(
            f"Made by: {analysis.command}",
            f"Model {analysis.provenance.model_hash[:16]}, seed {analysis.provenance.seed}; the same command and seed give "
            "the same numbers.",
            f"Versions: {versions}.",
        )
    )


def _plan(analysis: ModelAnalysis, *_: object) -> Block:
    new = [row for row in analysis.credibility.rows if row.status in ("held out", "new")]
    return Block(
        lines=(
            f"{len(new)} of {len(analysis.credibility.rows)} observations were held out of a fit or are new; the limits of "
            f"{len(analysis.checks)} checks are stated in a file before they are run.",
        )
    )


def _mechanisms(analysis: ModelAnalysis, *_: object) -> Block:
    names = [answer.endpoint for answer in analysis.answers if answer.arm == analysis.answers[0].arm]
    labels = {answer.endpoint: answer for answer in analysis.answers}
    table = records(analysis.mechanisms)
    if not table:
        return Block(lines=(), computed=False)
    rows = tuple(
        (
            f"{row['label']}: {row['sentence']}",
            *(
                f"{number(row[name])} {'%' if labels[name].is_flag else unit_words(labels[name].unit)}".strip()
                for name in names
            ),
        )
        for row in table
    )
    return Block(
        lines=(
            f"{len(table)} alternative mechanisms that published data of HN2301 do not tell apart, at their typical "
            "values, in the same 200 patients at the highest dose.",
        ),
        columns=("Mechanism", *(in_print(labels[name].label) for name in names)),
        rows=rows,
    )


def _assumptions(analysis: ModelAnalysis, *_: object) -> Block:
    top = heaviest(analysis.weights, _SHOWN)
    rows = tuple(
        (
            row["parameter_id"],
            row["kind"],
            f"{exact(row['value'])} {unit_words(row['unit'])}".strip(),
            f"{row['weight']:.2f} ({row['weight_endpoint']})",
            row["note"],
        )
        for row in top
    )
    return Block(
        lines=(
            f"The {len(top)} heaviest of {kinds(analysis.weights)['assumed']} assumed parameters. "
            + str(analysis.weights.attrs["weight_meaning"]),
        ),
        columns=("Parameter", "Kind", "Value", "Weight (endpoint)", "What it rests on"),
        rows=rows,
    )


def _parameters(analysis: ModelAnalysis, *_: object) -> Block:
    """Every parameter; those of the trial's table, whose meaning and source stand in the note."""
    rows = tuple(
        (
            row["parameter_id"],
            row["kind"],
            f"{exact(row['value'])} {unit_words(row['unit'])}".strip(),
            _between(row["parameter_id"], analysis),
            ", ".join(analysis.parameters[row["parameter_id"]].quantity_ids) or "none",
            row["note"],
        )
        for row in sorted(records(analysis.weights), key=lambda row: row["parameter_id"])
    )
    return Block(
        lines=(
            f"All {len(rows)} parameters. What each quantity says and where it was read: vivocart evidence uses.",
        ),
        columns=(
            "Parameter",
            "Kind",
            "Value",
            "Between patients; uncertainty",
            "Quantities",
            "What it rests on",
        ),
        rows=rows,
        folded=f"The {len(rows)} parameters",
    )


def _between(name: str, analysis: ModelAnalysis) -> str:
    row = analysis.parameters[name]
    parts = [
        f"{size:g} {kind.replace('_', ' ')}" if size is not None and kind else ""
        for size, kind in ((row.spread, row.spread_kind), (row.uncertainty, row.uncertainty_kind))
    ]
    if not any(parts):
        return "not varied"
    return f"{row.distribution}: {parts[0] or 'none'}; {parts[1] or 'none'}"


def _identifiability(analysis: ModelAnalysis, *_: object) -> Block:
    if analysis.learned is None:
        return Block(lines=(), computed=False)
    table = records(analysis.learned)
    told = [row for row in table if row["informed"]]
    shown = tuple(
        (
            row["parameter"],
            "typical value" if row["part"] == "typical" else "spread between patients",
            f"{100 * max(0.0, row['contraction']):.0f} %",
            f"{row['shift']:.1f}",
            f"{exact(row['median'])} ({exact(row['q05'])} to {exact(row['q95'])})",
        )
        for row in told[:_SHOWN]
    )
    return Block(
        lines=(
            f"The fitted observations tell something of {len(told)} of {len(table)} unknowns; of the others the posterior "
            "is the prior. Contraction: share of the prior variance that is gone.",
        ),
        columns=("Parameter", "Part", "Contraction", "Shift, prior SD", "Posterior median (90 %)"),
        rows=shown,
    )


def _sensitivity(analysis: ModelAnalysis, *_: object) -> Block:
    result = analysis.sensitivity
    rows = tuple(
        (
            row["parameter_id"],
            row["kind"],
            row["endpoint"],
            f"{row['first_order']:.2f}",
            f"{row['total_order']:.2f} ({row['total_order_low']:.2f} to {row['total_order_high']:.2f})",
        )
        for row in records(result.strongest.head(_SHOWN))
    )
    bare = ", ".join(result.left_out) or "none"
    return Block(
        lines=(
            f"Sobol indices in the typical patient over {len(result.parameter_ids)} uncertain typical values that screening "
            f"kept of {len(result.inputs)}, {result.n_runs:,} runs; endpoints without any: {bare}.",
        ),
        columns=("Parameter", "Kind", "Endpoint", "First order", "Total order (95 %)"),
        rows=rows,
    )


def _samples(analysis: ModelAnalysis, *_: object) -> Block:
    rows = tuple(
        (
            plan.study_id,
            ", ".join(f"{arm.id}: {arm.n_patients}" for arm in plan.arms),
            str(plan.criteria) if plan.criteria else "no limit",
        )
        for plan in analysis.credibility.plans
        if plan.arms
    )
    left = [plan.study_id for plan in analysis.credibility.plans if not plan.arms]
    more = f" {len(left)} further studies are not simulated: {', '.join(left)}." if left else ""
    return Block(
        lines=(f"Patients of {len(rows)} simulated studies.{more}",),
        columns=("Study", "Patients by arm", "Entry criteria in the model"),
        rows=rows,
    )


def _conditions(analysis: ModelAnalysis, *_: object) -> Block:
    rows = tuple(
        (
            plan.study_id,
            "; ".join(f"{arm}: {regimen}" for arm, _, regimen in plan.regimens),
            f"{plan.days:g} d",
            ", ".join(rule.product for rule in plan.rescue) or "none",
            " ".join(plan.notes),
        )
        for plan in analysis.credibility.plans
        if plan.arms
    )
    return Block(
        lines=(f"Conditions of {len(rows)} simulated studies.",),
        columns=("Study", "Regimen", "Followed", "Rescue", "What differs or is assumed"),
        rows=rows,
    )


def _relevance(analysis: ModelAnalysis, *_: object) -> Block:
    asked = [answer.endpoint for answer in analysis.answers if answer.arm == analysis.answers[0].arm]
    rows: list[tuple[str, ...]] = []
    for name in asked:
        base = re.sub(r"_d\d+$", "", name)
        judged = [row for row in analysis.credibility.rows if row.prediction and row.measure.startswith(base)]
        own = [row for row in judged if row.study_id == analysis.study.id]
        inside = sum(all(part.is_inside for part in row.parts) for row in judged)
        rows.append(
            (
                name,
                str(len(judged)),
                str(len(own)),
                f"{inside} of {len(judged)}" if judged else "none to judge",
            )
        )
    bare = [row[0] for row in rows if row[1] == "0"]
    said = f" Without any observation: {', '.join(bare)}." if bare else ""
    return Block(
        lines=(
            f"{len(rows) - len(bare)} of {len(rows)} endpoints of the question have published observations.{said}",
        ),
        columns=("Endpoint of the question", "Observations judged", f"of {analysis.study.id}", "Inside 90 %"),
        rows=tuple(rows),
    )


def _applicability(analysis: ModelAnalysis, *_: object) -> Block:
    mine = {
        course.product.id for arm in analysis.plan.arms for r in arm.regimens.values() for course in r.courses
    }
    rows: list[tuple[str, ...]] = []
    for plan in analysis.credibility.plans:
        judged = [
            row for row in analysis.credibility.rows if row.study_id == plan.study_id and row.prediction
        ]
        if not judged:
            continue
        products = {
            course.product.id for arm in plan.arms for r in arm.regimens.values() for course in r.courses
        }
        inside = sum(all(part.is_inside for part in row.parts) for row in judged)
        same = "same product" if products & mine else "another product"
        rows.append(
            (plan.study_id, same, ", ".join(sorted(products)), f"{inside} of {len(judged)}", judged[0].status)
        )
    n_same = sum(row[1] == "same product" for row in rows)
    return Block(
        lines=(
            f"{n_same} of {len(rows)} judged studies gave the product of the question; the others test the shared parts of "
            "the model (B cells, antibody, activity) and not its uptake.",
        ),
        columns=("Study", "Product of the question?", "Products", "Rows inside 90 %", "Rows are"),
        rows=tuple(rows),
    )


def _structure(analysis: ModelAnalysis, *_: object) -> Block:
    sizes = ", ".join(f"{count} {what}" for what, count in analysis.n_model.items())
    return Block(
        lines=(
            f"The model has {sizes}. All equations with units: vivocart model export --format antimony; simplifications "
            "stand at the head of each part of the text.",
        )
    )


def _solver(analysis: ModelAnalysis, *_: object) -> Block:
    versions = analysis.provenance.versions
    return Block(
        lines=(
            "Rosenbrock method of vivocart "
            f"{versions.get('vivocart', '')}, relative tolerance 1e-6, absolute 1e-11; machine code by llvmlite "
            f"{versions.get('llvmlite', '')}.",
        )
    )


def _prior(analysis: ModelAnalysis, *_: object) -> Block:
    draws = analysis.source.draws
    return Block(
        lines=(
            f"Populations: {analysis.source.label}, {len(draws)} draws over {len(draws.typical)} typical values, "
            f"{len(draws.spread)} spreads between patients and {len(draws.scenario)} unknowns of the protocol; "
            f"{len(analysis.source.fitted)} rows fitted.",
        )
    )


BLOCKS: Mapping[str, Callable[..., Block]] = {
    "question": _question,
    "context": _context,
    "answers": _answers,
    "evidence": _evidence,
    "other_evidence": _other_evidence,
    "criteria": _criteria,
    "coverage": _coverage,
    "table": _table,
    "criteria_met": _criteria_met,
    "summary": _summary,
    "reproduction": _reproduction,
    "plan": _plan,
    "mechanisms": _mechanisms,
    "assumptions": _assumptions,
    "parameters": _parameters,
    "identifiability": _identifiability,
    "sensitivity": _sensitivity,
    "samples": _samples,
    "conditions": _conditions,
    "relevance": _relevance,
    "applicability": _applicability,
    "structure": _structure,
    "solver": _solver,
    "prior": _prior,
}
"""Makers of blocks by name; each takes the analysis, the question, the context of use and the limits."""

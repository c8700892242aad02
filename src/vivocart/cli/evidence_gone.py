"""When a record is gone or doubted: ``vivocart evidence what-if-gone`` and ``retractions``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.options import examples, json_option, quiet_option
from vivocart.cli.printing import print_json, print_table
from vivocart.cli.progress import progress

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    import pandas as pd

    from vivocart.evidence.retractions import Notice
    from vivocart.ground.tables import Issue
    from vivocart.scenarios.what_if import Lost, WithoutRecord

_BROKEN = 1  # exit code when a shipped number rests on a retracted record
_ROLES = {
    "number": "rests on it",
    "range": "was chosen inside its range",
    "beside": "was set beside it",
}


@click.command(
    name="what-if-gone",
    epilog=examples(
        "vivocart evidence what-if-gone 40961420",
        "vivocart evidence what-if-gone hosseini2020 --no-simulation",
    ),
)
@click.argument("name", metavar="RECORD")
@click.option(
    "--simulation/--no-simulation",
    "is_simulated",
    default=True,
    help="Simulate how far the headline endpoints of HN2301 move with the parameters that lose support.",
)
@click.option(
    "--patients",
    "n_patients",
    type=click.IntRange(min=2),
    default=32,
    show_default=True,
    metavar="N",
    help="Virtual patients in whom each of these parameters is moved.",
)
@json_option
@quiet_option
def what_if_gone(*, name: str, is_simulated: bool, n_patients: int, as_json: bool, quiet: bool) -> None:
    """Name the parameters, observations and predictions that lose support when RECORD is gone.

    RECORD is an id, a PMID or a DOI. The sensitivity is simulated on the spot and not stored.
    """
    from vivocart.scenarios.what_if import sensitivity, without_record

    gone = without_record(name)
    shifts = None
    if is_simulated and gone.parameter_ids:
        with progress("simulating", quiet=quiet or as_json) as (on_progress, on_message):
            shifts = sensitivity(
                gone.parameter_ids, n_patients=n_patients, on_progress=on_progress, on_message=on_message
            )
    if as_json:
        print_json(_gone_data(gone, shifts))
    else:
        _print_gone(gone, shifts, n_patients)


def _gone_data(gone: WithoutRecord, shifts: pd.DataFrame | None) -> dict[str, object]:
    from vivocart.scenarios.what_if import endpoints_moved

    return {
        "record_id": gone.record.id,
        "pmid": gone.record.pmid,
        "doi": gone.record.doi,
        "quantities": [row.id for row in gone.quantities],
        "parameters": [_lost_data(entry) for entry in gone.of("parameter")],
        "observations": [_lost_data(entry) for entry in gone.of("observation")],
        "elsewhere": list(gone.elsewhere),
        "published_beside": {name: list(ids) for name, ids in gone.measures.items()},
        "predictions": None
        if shifts is None
        else [
            {"endpoint": row.endpoint, "moves_by": row.shift, "most_with": row.parameter_id or None}
            for row in endpoints_moved(shifts)
        ],
        "sensitivity": None
        if shifts is None
        else {
            str(name): {str(key): float(v) for key, v in shifts.loc[name].items()} for name in shifts.index
        },
    }


def _lost_data(entry: Lost) -> dict[str, object]:
    number = entry.use.number
    return {
        "id": number.id,
        "part": number.part,
        "value": number.value,
        "unit": number.unit,
        "role": entry.role,
        "state_now": entry.state,
        "quantity_ids": list(entry.quantity_ids),
    }


def _print_gone(gone: WithoutRecord, shifts: pd.DataFrame | None, n_patients: int) -> None:
    from vivocart.evidence.citations import cite

    click.echo(f"Without {cite([gone.record.id])[0]}\n")
    if not gone.lost and not gone.elsewhere:
        click.echo("No parameter, observation or prediction loses support.")
        return
    for title, owner in (("Parameters", "parameter"), ("Observations", "observation")):
        rows = [_lost_row(entry) for entry in gone.of(owner)]
        if rows:
            print_table(title, (owner, "value", "loses", "quantities", "state now"), rows)
            click.echo()
    if gone.elsewhere:
        click.echo(f"Also named by: {', '.join(gone.elsewhere)}.\n")
    _print_predictions(gone, shifts, n_patients)


def _lost_row(entry: Lost) -> tuple[str, ...]:
    number = entry.use.number
    name = number.id if number.part == "value" else f"{number.id}, {number.part}"
    unit = "" if number.unit == "1" else f" {number.unit}"
    loses = _ROLES[entry.role] if number.owner == "parameter" else "its statement"
    return name, f"{number.value:g}{unit}", loses, ", ".join(entry.quantity_ids), entry.state


def _print_predictions(gone: WithoutRecord, shifts: pd.DataFrame | None, n_patients: int) -> None:
    from vivocart.scenarios.what_if import endpoints_moved

    if gone.measures:
        rows = [(measure, ", ".join(ids)) for measure, ids in gone.measures.items()]
        print_table(
            "Predictions that lose what was published beside them", ("prediction", "observation"), rows
        )
        click.echo()
    if not gone.parameter_ids:
        click.echo("No prediction rests on it through a parameter.")
    elif shifts is None:
        click.echo(f"Predictions rest on it through: {', '.join(gone.parameter_ids)} (not simulated).")
    else:
        rows = [
            (row.endpoint, f"{row.shift:.3g}" if row.parameter_id else "does not move", row.parameter_id)
            for row in endpoints_moved(shifts)
        ]
        click.echo(
            "Predictions for HN2301 and how far one of these parameters moves their mean within its uncertainty, in "
            f"standard deviations between patients ({n_patients} virtual patients, simulated now):"
        )
        print_table("", ("prediction", "moves by", "most with"), rows)
        still = [name for name in gone.parameter_ids if name not in shifts.index]
        if still:
            click.echo(f"No uncertainty is stated for: {', '.join(still)}.")


@click.command(
    epilog=examples(
        "vivocart evidence retractions", "vivocart evidence retractions --file retraction_watch.csv"
    )
)
@click.option(
    "--file",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Retraction Watch table, as Crossref publishes it.",
)
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Leave out notices before this day."
)
@json_option
def retractions(*, table: Path | None, since: datetime.datetime | None, as_json: bool) -> None:
    """Tell what became of records: retracted, reinstated, doubted, corrected, updated; each kind kept apart.

    Asks the shipped records, your library's newer texts of them, and the table, which is searched for every record of
    your library too. Exit code 1 if a shipped number rests on a record that was retracted; an erratum or a concern only
    asks to read again.
    """
    from vivocart.evidence.retractions import by_record, is_gone

    notices, issues, read = _notices(table)
    gone = [record_id for record_id, found in by_record(notices) if is_gone(found)]
    shown = [notice for notice in notices if since is None or notice.on is None or notice.on >= since.date()]
    broken = _broken(gone)
    if as_json:
        print_json(
            {
                "rows_read": read,
                "notices": [_notice_data(notice) for notice in shown],
                "gone": gone,
                "numbers_without_support": broken,
                "doubts": [issue.model_dump(mode="json") for issue in issues],
            }
        )
    else:
        _print_notices(shown, issues, gone, read)
    if broken:
        for record_id, numbers in broken.items():
            click.echo(
                f"error: {record_id} was retracted; {len(numbers)} shipped numbers rest on it; "
                f"see vivocart evidence what-if-gone {record_id}",
                err=True,
            )
        raise click.exceptions.Exit(_BROKEN)


def _notices(table: Path | None) -> tuple[list[Notice], list[Issue], int]:
    from vivocart.evidence.library import records
    from vivocart.evidence.retractions import (
        names_in,
        names_of,
        notices_in,
        others,
        own_notices,
        read_retraction_watch,
    )
    from vivocart.evidence.store import default_path, open_library

    notices = [notice for record in records().values() for notice in own_notices(record)]
    known = list(names_of(records().values()))
    if default_path().is_file():
        with open_library() as library:
            known += others(names_in(library), known)
            notices += notices_in(library, records().values())
    if table is None:
        return notices, [], 0
    found, issues, read = read_retraction_watch(table, known)
    return [*notices, *found], list(issues), read


def _broken(gone: Sequence[str]) -> dict[str, list[str]]:
    from vivocart.evidence.library import records
    from vivocart.scenarios.what_if import without_record

    found: dict[str, list[str]] = {}
    for record_id in gone:
        if record_id in records():
            lost = [entry.use.number.id for entry in without_record(record_id).lost if entry.role != "beside"]
            if lost:
                found[record_id] = list(dict.fromkeys(lost))
    return found


def _notice_data(notice: Notice) -> dict[str, object]:
    return {
        "record_id": notice.record_id,
        "kind": notice.kind,
        "on": notice.on.isoformat() if notice.on else None,
        "where": notice.where,
        "reason": notice.reason,
        "source": notice.source,
    }


def _print_notices(
    notices: Sequence[Notice], issues: Sequence[Issue], gone: Sequence[str], read: int
) -> None:
    for notice in notices:
        click.echo(str(notice))
    for issue in issues:
        click.echo(f"{issue.level}: {issue}")
    again = sorted(
        {notice.record_id for notice in notices if notice.kind in ("concern", "erratum", "update")}
    )
    if again:
        click.echo(f"read again: {', '.join(again)}")
    table = f"; {read} rows of the table read" if read else ""
    click.echo(f"{len(notices)} notices, {len(gone)} records retracted{table}")

"""Bring records in: ``vivocart evidence import`` from files, ``fetch`` from PubMed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivocart.cli.evidence_library import counted, library_option, moment, own_library, today_option
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.evidence.store import Added
    from vivocart.ground.tables import Issue

_MAXIMUM_BYTES = 2_000_000_000


@click.command(
    name="import",
    epilog=examples("vivocart evidence import saved.nbib", "vivocart evidence import pubmed*.xml.gz"),
)
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--shipped", is_flag=True, help="The records behind the model's numbers that the library lacks."
)
@today_option
@library_option
@json_option
def import_(
    *,
    paths: tuple[Path, ...],
    shipped: bool,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Import PubMed XML, .nbib, RIS or CSL-JSON into your library; each file whole or not at all.

    A record that is refused is named in one line and the others come in; exit code 2 then.
    """
    import gc

    from vivocart.evidence.importers.detect import read_records
    from vivocart.evidence.own_library import SOURCE, add_shipped
    from vivocart.evidence.store import add
    from vivocart.ground.errors import InputError

    if not paths and not shipped:
        raise InputError("no file is named", mend="name files, or give --shipped")
    now = moment(today)
    done: list[tuple[str, Added]] = []
    gc.disable()  # millions of objects come in and stay; looking for circles among them takes a tenth of the time
    with own_library(library_path, now) as library:
        if shipped:
            done.append((SOURCE, add_shipped(library, today=now.date())))
        for path in paths:
            batch = read_records(_bytes(path), name=str(path))
            done.append((str(path), add(library, batch, source=path.name, seen_on=now.date())))
    gc.enable()
    _tell_imports(done, as_json=as_json)


def _bytes(path: Path) -> bytes:
    import gzip
    import zlib

    from vivocart.ground.errors import InputError

    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        with gzip.open(path) as opened:
            data = opened.read(_MAXIMUM_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise InputError(problem, where=str(path)) from error
    if len(data) > _MAXIMUM_BYTES:
        raise InputError(f"unpacks to more than {_MAXIMUM_BYTES} bytes", where=str(path), mend="split it")
    return data


def _tell_imports(done: list[tuple[str, Added]], *, as_json: bool) -> None:
    """What each import did, then, if a record was refused, an error."""
    from vivocart.ground.errors import InputError

    issues: list[Issue] = [issue for _, added in done for issue in added.issues]
    kinds = ("new", "changed", "unchanged", "deleted")
    if as_json:
        print_json(
            {
                "imports": [
                    {"file": name, **{kind: list(getattr(added, kind)) for kind in kinds}}
                    for name, added in done
                ],
                "issues": [issue.model_dump(mode="json") for issue in issues],
            }
        )
    else:
        for name, added in done:
            counts = ", ".join(f"{len(getattr(added, kind))} {kind}" for kind in kinds)
            click.echo(f"{name}: {counts}")
        for issue in issues:
            click.echo(f"{issue.level}: {issue}", err=True)
    refused = sum(issue.level == "error" for issue in issues)
    if refused:
        raise InputError(
            f"{counted(refused, 'record')} refused, each named above", mend="the others are in the library"
        )


@click.command(
    epilog=examples(
        "vivocart evidence fetch 40961420 --email you@example.org",
        "vivocart evidence fetch --query 'lupus[ti] AND car-t' --limit 50",
    )
)
@click.argument("pmids", metavar="[PMID]...", nargs=-1)
@click.option("--query", metavar="QUERY", help="Fetch what this search finds in PubMed.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="The most to fetch."
)
@click.option("--email", default="", help="Who asks; NCBI wants to know (or set NCBI_EMAIL).")
@click.option("--fresh", is_flag=True, help="Ask again, also what was asked before.")
@today_option
@library_option
@json_option
def fetch(
    *,
    pmids: tuple[str, ...],
    query: str | None,
    limit: int,
    email: str,
    fresh: bool,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Fetch records from PubMed into your library, over the net.

    Answers are kept beside the library. NCBI_API_KEY allows ten requests a second instead of three.
    """
    import os

    from vivocart.evidence.ncbi.client import client
    from vivocart.evidence.ncbi.services import fetch as fetched
    from vivocart.evidence.ncbi.services import missing, search_pubmed
    from vivocart.evidence.store import add
    from vivocart.ground.errors import InputError

    if not pmids and query is None:
        raise InputError("no record is asked for", mend="name PMIDs or give --query")
    now = moment(today)
    with own_library(library_path, now) as library:
        to = client(os.environ, email=email, cache=library.path.parent / "ncbi")
        wanted = list(pmids)
        if query is not None:
            found = search_pubmed(to, query, limit=limit, fresh=fresh)
            click.echo(
                f"Search details: {found.translation}\n{counted(found.count, 'record')} in PubMed", err=True
            )
            for warning in found.warnings:
                click.echo(f"warning: {warning}", err=True)
            wanted += found.pmids
        batch = fetched(to, wanted, fresh=fresh)
        added = add(library, batch, source="NCBI efetch", seen_on=now.date())
    for pmid in missing(batch, wanted):
        click.echo(f"warning: PubMed gave no record for PMID {pmid}", err=True)
    _tell_imports([("NCBI efetch", added)], as_json=as_json)

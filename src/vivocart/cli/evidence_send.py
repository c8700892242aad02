"""Send: ``vivocart evidence email`` and ``feed``, and the outbox that alerts share."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivocart.cli.evidence_library import (
    Selection,
    counted,
    hand_out,
    library_option,
    moment,
    own_library,
    records_of,
    selected,
    selection_options,
    today_option,
)
from vivocart.cli.options import examples, json_option
from vivocart.cli.printing import print_json

if TYPE_CHECKING:
    from vivocart.evidence.store import Library

outbox_option = click.option(
    "--outbox",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    metavar="FOLDER",
    help="Folder for e-mails; beside the library if not given.",
)
send_option = click.option("--send", is_flag=True, help="Hand the outbox to VIVOCART_SMTP_HOST afterwards.")


def outbox_folder(outbox: Path | None, library: Library) -> Path:
    """Folder for e-mails: the one that was asked for, else one beside the library."""
    return outbox or library.path.parent / "outbox"


def delivered(folder: Path) -> list[str]:
    """Names of the e-mails that the mail server took."""
    from vivocart.evidence.alerts.outbox import deliver, mail_server
    from vivocart.ground.errors import InputError

    server = mail_server(os.environ)
    if server is None:
        raise InputError(
            "no mail server is named", mend=f"set VIVOCART_SMTP_HOST; the e-mails lie in {folder}"
        )
    return [str(path) for path in deliver(folder, server)]


@click.command(epilog=examples("vivocart evidence email 40961420 --to you@example.org --format abstract"))
@selection_options
@click.option("--to", required=True, metavar="ADDRESS", help="Address to send to.")
@click.option("--subject", default="", help="Subject; the number of citations if not given.")
@click.option("--body", default="", help="Text before the citations.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["summary", "summary_text", "abstract", "abstract_text"]),
    default="summary",
    show_default=True,
    help="Format of the citations.",
)
@click.option("--mesh", is_flag=True, help="Add MeSH and other data.")
@outbox_option
@send_option
@today_option
@library_option
@json_option
def email(
    *,
    selection: Selection,
    to: str,
    subject: str,
    body: str,
    form: Any,
    mesh: bool,
    outbox: Path | None,
    send: bool,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Write an e-mail of citations into the outbox."""
    from vivocart.evidence.alerts.message import citation_message
    from vivocart.evidence.alerts.outbox import put_in_outbox, sender

    now = moment(today)
    with own_library(library_path, now) as library:
        records = records_of(library, selected(library, selection, now))
        folder = outbox_folder(outbox, library)
    message = citation_message(
        to,
        records,
        now=now,
        subject=subject,
        body=body,
        format=form,
        with_more=mesh,
        sender=sender(os.environ),
    )
    path = put_in_outbox(folder, message, name=f"{now:%Y-%m-%d}-{message['Subject']}")
    sent = delivered(folder) if send else []
    if as_json:
        print_json({"file": str(path), "records": [record.id for record in records], "sent": sent})
        return
    click.echo(str(path))
    if send:
        click.echo(f"{counted(len(sent), 'e-mail')} sent")


@click.command(
    epilog=examples("vivocart evidence feed 'lupus AND car-t' --name 'CAR-T' --items 20 --out feed.xml")
)
@click.argument("query", metavar="QUERY")
@click.option("--name", required=True, help="Name of the feed.")
@click.option(
    "--items",
    type=click.IntRange(1, 1000),
    default=15,
    show_default=True,
    help="Records in the feed; PubMed offers 5, 10, 15, 20, 50, 100.",
)
@click.option("--address", default="", help="Where the feed will be found.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help="File; stdout if not given.",
)
@today_option
@library_option
@json_option
def feed(
    *,
    query: str,
    name: str,
    items: int,
    address: str,
    out: Path | None,
    today: datetime.datetime | None,
    library_path: Path | None,
    as_json: bool,
) -> None:
    """Write an RSS feed of the most recent records that a search finds."""
    from vivocart.evidence.alerts.feed import write_feed
    from vivocart.evidence.search.run import search

    now = moment(today)
    with own_library(library_path, now) as library:
        records = records_of(library, search(library, query, now=now, limit=items).record_ids)
    text = write_feed(name, query, records, now=now, address=address)
    hand_out(text.encode(), out, len(records), as_json=as_json)

"""E-mails: alerts of saved searches, and citations sent by hand.

The time is handed in; the same input gives the same bytes.
"""

from __future__ import annotations

import datetime
import email.policy
import email.utils
import hashlib
import html
from collections.abc import Sequence
from email.message import EmailMessage

from vivocart.evidence.alerts.formats import as_html, as_text
from vivocart.evidence.alerts.saved import Alert, ReportFormat, check_address
from vivocart.evidence.changes import Change
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError

#: Who an e-mail is from unless the user says.
SENDER = "vivocart@localhost"


def alert_message(
    name: str,
    alert: Alert,
    translation: str,
    new: Sequence[Record],
    changes: Sequence[Change],
    *,
    count: int,
    now: datetime.datetime,
    sender: str = SENDER,
) -> EmailMessage:
    """The e-mail of one run of an alert.

    Parameters
    ----------
    name, alert, translation
        Of the saved search.
    new
        The new records that are shown, at most ``alert.at_most``.
    changes
        What became of records that were found before.
    count
        How many new records there are in all.
    now
        The time of the run.
    sender
        Address the e-mail is from.
    """
    shown = f" (the first {len(new)} are shown)" if len(new) < count else ""
    head = f"{alert.text}\n\n" if alert.text else ""
    head += f"Search: {translation}\n{_counted(count, 'new record')}{shown}\n"
    changed = "".join(f"- {change}\n" for change in changes)
    below = f"\nWhat changed among records found before:\n{changed}" if changes else ""
    text = f"{head}\n{as_text(new, alert.format)}{below}"
    page = as_html(new, alert.format)
    if page:
        items = "".join(f"<li>{html.escape(str(change))}</li>" for change in changes)
        list_ = f"<p>What changed among records found before:</p><ul>{items}</ul>" if changes else ""
        intro = "".join(f"<p>{html.escape(line)}</p>" for line in head.splitlines() if line)
        page = f"<html><body>{intro}\n{page}\n{list_}</body></html>"
    subject = f"{name}: {_counted(count, 'new record')}"
    if changes:
        subject += f", {_counted(len(changes), 'change')}"
    return _message((sender, alert.to, subject), text, page, now)


def citation_message(
    to: str,
    records: Sequence[Record],
    *,
    now: datetime.datetime,
    subject: str = "",
    body: str = "",
    format: ReportFormat = "summary",
    with_more: bool = False,
    sender: str = SENDER,
) -> EmailMessage:
    """An e-mail of citations.

    Parameters
    ----------
    to, subject, body
        As the user writes them; the subject tells the number of citations when it is empty.
    records
        What is sent.
    format
        Summary, Summary (text), Abstract, Abstract (text) or PubMed.
    with_more
        Add MeSH and other data.
    now, sender
        As in :func:`alert_message`.

    Raises
    ------
    InputError
        If the address is none, or the subject has more than one line.
    """
    if "\n" in subject or "\r" in subject:
        raise InputError("the subject has more than one line", mend="write it in one")
    head = f"{body}\n\n" if body else ""
    text = head + as_text(records, format, with_more=with_more)
    page = as_html(records, format, with_more=with_more)
    if page:
        intro = "".join(f"<p>{html.escape(line)}</p>" for line in body.splitlines() if line)
        page = f"<html><body>{intro}\n{page}</body></html>"
    title = subject.strip() or _counted(len(records), "citation")
    return _message((sender, check_address(to), title), text, page, now)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _message(heads: tuple[str, str, str], text: str, page: str, now: datetime.datetime) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = heads
    moment = now if now.tzinfo else now.replace(tzinfo=datetime.UTC)
    message["Date"] = email.utils.format_datetime(moment)
    digest = hashlib.sha256("\0".join((*heads, text, moment.isoformat())).encode()).hexdigest()
    message["Message-ID"] = f"<{digest[:32]}@vivocart.invalid>"
    message.set_content(text, cte="quoted-printable")
    if page:
        message.add_alternative(page, subtype="html", cte="quoted-printable")
        boundary = f"=_{digest[32:56]}"
        message.set_boundary(boundary)
    return message

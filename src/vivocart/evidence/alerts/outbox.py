"""The outbox: a folder of e-mails as ``.eml`` files, and the way from there to a mail server when one is configured."""

from __future__ import annotations

import contextlib
import email
import email.policy
import hashlib
import os
import re
import smtplib
import ssl
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal, final

from vivocart.evidence.alerts.message import SENDER
from vivocart.evidence.alerts.saved import check_address
from vivocart.ground.errors import InputError, OutputError, UnknownNameError

Security = Literal["starttls", "tls", "none"]

_PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}
_SECONDS = 30.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server and how to talk to it; the password is never printed."""

    host: str
    port: int
    security: Security
    user: str
    password: str

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port}, {self.security})"


def mail_server(environment: Mapping[str, str]) -> MailServer | None:
    """The server that the environment names (``VIVOCART_SMTP_HOST``, ``_PORT``, ``_SECURITY``, ``_USER``, ``_PASSWORD``).

    Raises
    ------
    InputError
        If the port is no number or the security no word that we know.
    """
    host = environment.get("VIVOCART_SMTP_HOST", "").strip()
    if not host:
        return None
    security = environment.get("VIVOCART_SMTP_SECURITY", "starttls").strip().lower()
    if security not in _PORTS:
        raise UnknownNameError("VIVOCART_SMTP_SECURITY", security, _PORTS)
    port = environment.get("VIVOCART_SMTP_PORT", str(_PORTS[security])).strip()
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"not a port (found '{port}')", where="VIVOCART_SMTP_PORT", mend="write 587")
    return MailServer(
        host=host,
        port=int(port),
        security=security,
        user=environment.get("VIVOCART_SMTP_USER", ""),
        password=environment.get("VIVOCART_SMTP_PASSWORD", ""),
    )


def sender(environment: Mapping[str, str]) -> str:
    """Address that e-mails are from: ``VIVOCART_MAIL_FROM``, else one that nobody can answer."""
    return check_address(environment.get("VIVOCART_MAIL_FROM", SENDER))


def put_in_outbox(folder: Path, message: EmailMessage, *, name: str) -> Path:
    """Path of the ``.eml`` file, which is there whole or not at all; the same e-mail again takes the same name.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    data = message.as_bytes()
    digest = hashlib.sha256(data).hexdigest()[:8]
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "mail"
    target = folder / f"{stem}-{digest}.eml"
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise OutputError(f"{target}: the e-mail cannot be written ({error.strerror})") from error
    return target


def deliver(folder: Path, server: MailServer) -> tuple[Path, ...]:
    """Files that were sent, as they now lie in the folder ``sent`` of the outbox; what was not sent stays.

    Raises
    ------
    OutputError
        If the server cannot be reached or refuses; names how many were sent before.
    """
    waiting = sorted(folder.glob("*.eml"))
    sent: list[Path] = []
    if not waiting:
        return ()
    try:
        with _connected(server) as connection:
            for path in waiting:
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.SMTP)
                connection.send_message(message)
                target = folder / "sent" / path.name
                target.parent.mkdir(exist_ok=True)
                path.replace(target)
                sent.append(target)
    except (OSError, smtplib.SMTPException) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        problem = f"{server.host}:{server.port}: {len(sent)} of {len(waiting)} e-mails sent ({told})"
        raise OutputError(f"{problem}; the others stay in {folder}") from error
    return tuple(sent)


@contextlib.contextmanager
def _connected(server: MailServer) -> Generator[smtplib.SMTP]:
    if server.security == "tls":
        context = ssl.create_default_context()
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_SECONDS, context=context
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    with connection:
        if server.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user:
            connection.login(server.user, server.password)
        yield connection

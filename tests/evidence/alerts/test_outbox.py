"""The outbox, and a real mail server on this machine."""

from __future__ import annotations

import contextlib
import datetime
import email
import email.policy
import shutil
import socket
import ssl
import subprocess

import pytest
from aiosmtpd import controller, smtp

from vivocart.evidence.alerts.message import citation_message
from vivocart.evidence.alerts.outbox import MailServer, deliver, mail_server, put_in_outbox, sender
from vivocart.evidence.records import Record
from vivocart.ground.errors import InputError, OutputError

NOW = datetime.datetime(2026, 11, 24, 9, 0)
RECORD = Record(id="pmid1", pmid="1", title="Lupus — α.")


class Mailbox:
    """Keeps what it is sent; refuses addresses at ``refused.example``."""

    def __init__(self):
        self.letters = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.letters.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextlib.contextmanager
def serving(**choices):
    """A mailbox behind a server on a port that was free."""
    handler = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        handler.port = probe.getsockname()[1]
    running = controller.Controller(handler, hostname="127.0.0.1", port=handler.port, **choices)
    running.start()
    try:
        yield handler
    finally:
        running.stop()


@pytest.fixture
def mailbox():
    with serving() as handler:
        yield handler


def letter(folder, to="a@b.example", subject="Lupus", name="letter"):
    message = citation_message(to, [RECORD], now=NOW, subject=subject)
    return put_in_outbox(folder, message, name=name)


def server(port, user="", password="", security="none"):
    return MailServer(host="127.0.0.1", port=port, security=security, user=user, password=password)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 and its key, made for this run and trusted by nobody else."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl is here to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        ["openssl", *words.split(), "-keyout", str(key), "-out", str(made)], check=True, capture_output=True
    )
    return made, key


@contextlib.contextmanager
def serving_with_tls(certificate, seen):
    """A mailbox that takes passwords and letters after STARTTLS only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def check(_server, session, _envelope, _mechanism, data):
        seen.append((session.ssl is not None, data.password))
        return smtp.AuthResult(success=True)

    with serving(
        tls_context=context, require_starttls=True, authenticator=check, auth_required=True
    ) as handler:
        yield handler


def test_letters_reach_the_server_once(mailbox, tmp_path):
    paths = [letter(tmp_path, subject=subject) for subject in ("One", "Two")]
    wanted = sorted(path.read_bytes() for path in paths)
    sent = deliver(tmp_path, server(mailbox.port))
    assert [path.parent.name for path in sent] == ["sent", "sent"]
    assert list(tmp_path.glob("*.eml")) == []
    assert [(who, to) for who, to, _ in mailbox.letters] == [("vivocart@localhost", ["a@b.example"])] * 2
    assert sorted(content for _, _, content in mailbox.letters) == wanted
    arrived = email.message_from_bytes(mailbox.letters[0][2], policy=email.policy.default)
    assert "Lupus — α." in arrived.get_body(("plain",)).get_content()
    assert deliver(tmp_path, server(mailbox.port)) == ()
    assert len(mailbox.letters) == 2


def test_what_is_refused_stays_and_what_was_sent_is_not_sent_again(mailbox, tmp_path):
    letter(tmp_path, name="a")
    letter(tmp_path, to="x@refused.example", name="b")
    letter(tmp_path, name="c")
    with pytest.raises(
        OutputError, match=r"127.0.0.1:\d+: 1 of 3 e-mails sent \(.*no such mailbox.*\); the others stay in"
    ):
        deliver(tmp_path, server(mailbox.port))
    assert sorted(path.name[0] for path in tmp_path.glob("*.eml")) == ["b", "c"]
    assert len(mailbox.letters) == 1


def test_a_server_that_does_not_answer_is_one_line(tmp_path):
    letter(tmp_path)
    with pytest.raises(OutputError, match="0 of 1 e-mails sent") as caught:
        deliver(tmp_path, server(1, user="me", password="secret"))
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
    assert len(list(tmp_path.glob("*.eml"))) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_that_asks_for_a_password_gets_it(tmp_path):
    seen = []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        return smtp.AuthResult(success=data.password == b"right", handled=False)  # so that it says no aloud

    with serving(authenticator=check, auth_required=True, auth_require_tls=False) as handler:
        letter(tmp_path)
        with pytest.raises(OutputError, match="0 of 1") as caught:
            deliver(tmp_path, server(handler.port, user="me", password="wrong"))
        assert "wrong" not in str(caught.value)
        assert len(deliver(tmp_path, server(handler.port, user="me", password="right"))) == 1
    assert (b"me", b"right") in seen


def test_starttls_comes_before_the_password(certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    seen = []
    with serving_with_tls(certificate, seen) as handler:
        letter(tmp_path)
        sent = deliver(tmp_path, server(handler.port, user="me", password="right", security="starttls"))
        assert len(sent) == len(handler.letters) == 1
    assert seen == [(True, b"right")]


def test_a_certificate_that_nobody_vouches_for_gets_neither_letter_nor_password(certificate, tmp_path):
    seen = []
    with serving_with_tls(certificate, seen) as handler:
        letter(tmp_path)
        with pytest.raises(OutputError, match=r"0 of 1 e-mails sent .*certificate verify failed"):
            deliver(tmp_path, server(handler.port, user="me", password="right", security="starttls"))
        assert handler.letters == seen == []
    assert len(list(tmp_path.glob("*.eml"))) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_server_without_starttls_gets_nothing_in_the_clear(tmp_path):
    seen = []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append(data)
        return smtp.AuthResult(success=True)

    with serving(authenticator=check, auth_required=True, auth_require_tls=False) as handler:
        letter(tmp_path)
        with pytest.raises(OutputError, match=r"0 of 1 e-mails sent .*STARTTLS"):
            deliver(tmp_path, server(handler.port, user="me", password="right", security="starttls"))
        assert handler.letters == seen == []


def test_the_same_letter_again_takes_the_same_name(tmp_path):
    first, second = (
        letter(tmp_path, name="2026-11-24 Lupus & CAR-T"),
        letter(tmp_path, name="2026-11-24 Lupus & CAR-T"),
    )
    assert first == second
    assert first.name.startswith("2026-11-24-lupus-car-t-")
    assert [path.suffix for path in tmp_path.iterdir()] == [".eml"]


def test_the_environment_names_the_server():
    assert mail_server({}) is None
    found = mail_server(
        {"VIVOCART_SMTP_HOST": "mail.example", "VIVOCART_SMTP_USER": "me", "VIVOCART_SMTP_PASSWORD": "secret"}
    )
    assert (found.host, found.port, found.security, found.user) == ("mail.example", 587, "starttls", "me")
    assert "secret" not in repr(found)
    assert mail_server({"VIVOCART_SMTP_HOST": "m", "VIVOCART_SMTP_SECURITY": "TLS"}).port == 465
    assert (
        mail_server(
            {"VIVOCART_SMTP_HOST": "m", "VIVOCART_SMTP_SECURITY": "none", "VIVOCART_SMTP_PORT": "2525"}
        ).port
        == 2525
    )
    with pytest.raises(InputError, match="VIVOCART_SMTP_PORT: not a port"):
        mail_server({"VIVOCART_SMTP_HOST": "m", "VIVOCART_SMTP_PORT": "x"})
    with pytest.raises(InputError, match="unknown VIVOCART_SMTP_SECURITY 'ssl'"):
        mail_server({"VIVOCART_SMTP_HOST": "m", "VIVOCART_SMTP_SECURITY": "ssl"})
    assert sender({}) == "vivocart@localhost"
    assert sender({"VIVOCART_MAIL_FROM": "me@b.example"}) == "me@b.example"

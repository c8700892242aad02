"""What stands before every request: host, origin, token, size, and the headers of every answer.

Written as plain ASGI so that a streamed answer passes untouched.
"""

from __future__ import annotations

import http.cookies
import ipaddress
import secrets
import socket
import urllib.parse
from collections.abc import Mapping
from typing import final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivocart.web.errors import error_body, fault_response
from vivocart.web.settings import LIMITS, ServerSettings, is_loopback

COOKIE = "vivocart_token"
UPLOADS_PATH = "/api/v1/uploads/"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere. Plotly sets styles on the elements that it draws, hence ``'unsafe-inline'`` for styles only."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


@final
class Guard:
    """Refuses what must not come in, before any of it is read."""

    def __init__(self, app: ASGIApp, *, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sender = _Sender(send)
        refused = self._refusal(scope, headers)
        if refused is not None:
            await refused(scope, receive, sender.send)
            return
        body = _Bounded(receive, _body_limit(scope["path"]))
        try:
            await self._app(scope, body.receive, sender.send)
        except Exception as error:  # the outermost frame: no traceback may leave, in an answer or in a log
            fault = fault_response(error, scope["path"])
            if sender.is_begun:  # what has begun can only be broken off
                raise ConnectionAbortedError from None
            await fault(scope, receive, sender.send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._knows_host(headers.get("host", "")):
            mend = "open the address that the server printed"
            return _refused(421, "host", "this server does not answer under that name", mend)
        if not _is_same_origin(scope, headers):
            return _refused(403, "origin", "a page of another site asked", "open the explorer itself")
        if self._settings.token:
            refused = self._token_refusal(scope, headers)
            if refused is not None:
                return refused
        length = headers.get("content-length", "0")
        if not length.isdigit():
            return _refused(400, "length", "the length of the body is no number", "leave it to the client")
        return _too_large(scope["path"]) if int(length) > _body_limit(scope["path"]) else None

    def _knows_host(self, host: str) -> bool:
        """Whether a request may name the server so; a page that rebinds its own name to this address may not."""
        name = _host_name(host)
        if name is None:
            return False
        if is_loopback(name):
            return True
        if is_loopback(self._settings.host):
            return False
        own = {self._settings.host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        return name.lower() in own or _is_address(name)

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        query = urllib.parse.parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        asked = dict(query).get("token")
        if asked is not None and scope["method"] == "GET" and self._is_token(asked):
            rest = urllib.parse.urlencode([(key, value) for key, value in query if key != "token"])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self._settings.token, httponly=True, samesite="strict", path="/")
            return answer
        bearer = headers.get("authorization", "")
        given = bearer[7:].strip() if bearer[:7].lower() == "bearer " else _cookie(headers)
        if self._is_token(given):
            return None
        answer = _refused(
            401, "token", "this server asks for its token", "open the address that it printed at its start"
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def _is_token(self, given: str) -> bool:
        """Compared in a time that says nothing about how much of it was right."""
        return secrets.compare_digest(given.encode(), self._settings.token.encode())


@final
class _Sender:
    """Adds our headers to the start of an answer, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send, self.is_begun = send, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if "server" in headers:
                del headers["server"]
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


@final
class _Bounded:
    """Counts a body whose length was not said."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._left = receive, limit, limit

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(413, f"the body is larger than {self._limit // 1024} KiB: send less")
        return message


def _body_limit(path: str) -> int:
    return LIMITS.upload_bytes if path.startswith(UPLOADS_PATH) else LIMITS.body_bytes


def _too_large(path: str) -> Response:
    most = _body_limit(path) // 1024
    return _refused(413, "too_large", f"the body is larger than {most} KiB", "send less")


def _refused(status: int, kind: str, message: str, mend: str) -> Response:
    return JSONResponse(error_body(kind, message, mend=mend), status)


def _host_name(host: str) -> str | None:
    """The name of a ``Host`` header without its port; nothing if it is no name."""
    try:
        return urllib.parse.urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_same_origin(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes from our own page or from no page at all; a link from elsewhere may open a page."""
    site = headers.get("sec-fetch-site", "none")
    is_api = scope["path"].startswith("/api/")
    if site in ("cross-site", "same-site") and (is_api or scope["method"] not in _READING):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return urllib.parse.urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _cookie(headers: Headers) -> str:
    found = http.cookies.SimpleCookie()
    try:
        found.load(headers.get("cookie", ""))
    except http.cookies.CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""

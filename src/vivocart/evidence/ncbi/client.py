"""A client of NCBI's E-utilities: it asks slowly, says who it is, and keeps every answer.

NCBI asks for at most 3 requests a second, 10 with an API key, for the names of the tool and of a person, and for POST beyond
about 200 identifiers (E-utilities help, "A General Introduction"). An answer that was kept is never asked for again.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from vivocart.evidence.alerts.saved import check_address
from vivocart.ground.errors import InputError, OutputError, VivocartError

ADDRESS = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
TOOL = "vivocart"

_PER_SECOND, _PER_SECOND_WITH_KEY = 3, 10
_LONGEST_GET = 1500  # characters of a query string; beyond, it is posted
_TRIES = 3
_SECONDS = 60.0
_LONGEST_PAUSE = 60.0
_AGAIN = (429, 500, 502, 503, 504)
_MAXIMUM_BYTES = 200_000_000


class NcbiError(VivocartError):
    """NCBI cannot be reached or does not do what it is asked; one line, without the API key."""


@final
class Pace:
    """Leaves a fixed time between requests, across the threads of this process."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep, self._lock = clock, sleep, threading.Lock()
        self._next = 0.0

    def wait(self, seconds: float) -> None:
        """Return when ``seconds`` have passed since the last return."""
        with self._lock:
            ahead = self._next - self._clock()
            if ahead > 0:
                self._sleep(ahead)
            self._next = self._clock() + seconds

    def pause(self, seconds: float) -> None:
        """Return after ``seconds``."""
        self._sleep(seconds)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks, where, and where answers are kept; the API key is never printed."""

    email: str
    tool: str = TOOL
    api_key: str = field(default="", repr=False)
    address: str = ADDRESS
    cache: Path | None = None
    pace: Pace = field(default_factory=lambda: Pace(time.monotonic, time.sleep), repr=False)

    @property
    def per_second(self) -> int:
        """Requests a second that NCBI allows."""
        return _PER_SECOND_WITH_KEY if self.api_key else _PER_SECOND


def client(environment: Mapping[str, str], *, email: str = "", cache: Path | None = None) -> Client:
    """A client from the environment: ``NCBI_EMAIL``, ``NCBI_API_KEY`` and, for another address, ``VIVOCART_EUTILS``.

    Raises
    ------
    InputError
        If no e-mail address is given, or the address of the service is none.
    """
    who = email or environment.get("NCBI_EMAIL", "")
    if not who:
        raise InputError("NCBI asks who uses its service", mend="give --email or set NCBI_EMAIL")
    address = environment.get("VIVOCART_EUTILS", ADDRESS)
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise InputError(
            f"not an address (found '{address}')", where="VIVOCART_EUTILS", mend=f"write {ADDRESS}"
        )
    return Client(
        email=check_address(who),
        api_key=environment.get("NCBI_API_KEY", "").strip(),
        address=f"{address.rstrip('/')}/",
        cache=cache,
    )


def ask(to: Client, service: str, parameters: Mapping[str, str]) -> str:
    """Raw answer of one service (``esearch``, ``efetch``); from the cache when it was asked before.

    Parameters
    ----------
    to
        The client.
    service
        Name of the service without ``.fcgi``.
    parameters
        Of the service, without who is asking.

    Raises
    ------
    NcbiError
        If NCBI cannot be reached or refuses.
    OutputError
        If the answer cannot be kept.
    """
    kept = None if to.cache is None else to.cache / f"{_digest(to, service, parameters)}.xml"
    if kept is not None and kept.is_file():
        return kept.read_text(encoding="utf-8")
    answer = _asked(to, service, parameters)
    if kept is not None:
        _keep(kept, answer)
    return answer


def forget(to: Client, service: str, parameters: Mapping[str, str]) -> None:
    """Drop a kept answer, so that the next question reaches NCBI."""
    if to.cache is not None:
        (to.cache / f"{_digest(to, service, parameters)}.xml").unlink(missing_ok=True)


def _digest(to: Client, service: str, parameters: Mapping[str, str]) -> str:
    """Name of an answer by what was asked; not by who asked."""
    asked = urllib.parse.urlencode(sorted(parameters.items()))
    return hashlib.sha256(f"{to.address}{service}?{asked}".encode()).hexdigest()


def _keep(path: Path, answer: str) -> None:
    part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(answer, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: the answer cannot be kept ({error.strerror})") from error


def _asked(to: Client, service: str, parameters: Mapping[str, str]) -> str:
    signed = {**parameters, "tool": to.tool, "email": to.email}
    if to.api_key:
        signed["api_key"] = to.api_key
    body = urllib.parse.urlencode(signed)
    url = f"{to.address}{service}.fcgi"
    is_posted = len(body) > _LONGEST_GET
    request = urllib.request.Request(
        url if is_posted else f"{url}?{body}",
        data=body.encode() if is_posted else None,
        headers={"User-Agent": to.tool},
    )
    for left in range(_TRIES - 1, -1, -1):
        to.pace.wait(1.0 / to.per_second)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:
                return _text(response.read(_MAXIMUM_BYTES + 1), service)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _AGAIN or not left:
                raise NcbiError(f"NCBI {service}: refused with {error.code} {error.reason}") from None
            pause = _seconds(error.headers.get("Retry-After", ""), _TRIES - left)
        except (OSError, http.client.HTTPException) as error:
            if not left:
                reason = getattr(error, "reason", error)
                raise NcbiError(f"NCBI {service}: cannot be reached ({reason})") from None
            pause = float(_TRIES - left)
        to.pace.pause(pause)
    raise AssertionError("the last try returns or raises")


def _seconds(told: str, tried: int) -> float:
    """How long to wait before the next try: as the service says, else a little longer each time."""
    return min(float(told), _LONGEST_PAUSE) if told.isdecimal() else float(tried)


def _text(data: bytes, service: str) -> str:
    if len(data) > _MAXIMUM_BYTES:
        raise NcbiError(f"NCBI {service}: more than {_MAXIMUM_BYTES} bytes; ask for fewer records at once")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NcbiError(f"NCBI {service}: the answer is not UTF-8 (byte {error.start})") from error

"""Requests made from the OpenAPI description: whatever is sent, the server answers, and never with a fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from vivocart.web.app import create_app
from vivocart.web.settings import ServerSettings

_EXAMPLES, _FEW = 12, 2
_SLOW = ("POST /api/v1/uploads/model",)  # each is read in a process of its own
_MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = ServerSettings(work_folder=tmp_path_factory.mktemp("schema"), is_warmed=False, runs_jobs=False)
    schema = schemathesis.openapi.from_dict(create_app(found).openapi())
    return {
        f"{operation.method.upper()} {operation.path}": operation
        for operation in (result.ok() for result in schema.get_all_operations())
    }


_NAMES = (
    "GET /api/v1/catalog",
    "GET /api/v1/health",
    "POST /api/v1/explore",
    "POST /api/v1/patient",
    "GET /api/v1/jobs",
    "POST /api/v1/jobs",
    "GET /api/v1/jobs/{job_id}",
    "DELETE /api/v1/jobs/{job_id}",
    "GET /api/v1/jobs/{job_id}/result",
    "GET /api/v1/jobs/{job_id}/events",
    "POST /api/v1/uploads/patients",
    "POST /api/v1/uploads/observations",
    "POST /api/v1/uploads/individuals",
    "POST /api/v1/uploads/model",
    "GET /api/v1/uploads",
    "DELETE /api/v1/uploads/{upload_id}",
    "POST /api/v1/download/{form}",
    "GET /api/v1/evidence/search",
    "GET /api/v1/evidence/records/{name}",
    "GET /api/v1/evidence/quantities",
    "GET /api/v1/numbers/{name}",
    "GET /api/v1/parameters",
    "GET /api/v1/parameters/{name}",
    "GET /api/v1/credibility",
)


def test_every_operation_is_tried(operations: dict[str, Any]):
    assert set(operations) == set(_NAMES)


@pytest.mark.parametrize("mode", _MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", _NAMES)
def test_nothing_that_is_sent_makes_a_fault(
    client: httpx.Client, operations: dict[str, Any], name: str, mode: Any
):
    strategy = operations[name].as_strategy(generation_mode=mode)

    @settings(
        max_examples=_FEW if name in _SLOW else _EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def send(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=str(client.base_url))
        answer = client.request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            headers=dict(sent.get("headers") or {}),
            json=sent.get("json"),
            content=sent.get("data") if isinstance(sent.get("data"), bytes | str) else None,
        )
        assert answer.status_code < 500, (answer.status_code, answer.text[:300], sent)
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"kind", "message", "where", "mend"}

    try:
        send()
    except Unsatisfiable:
        pytest.skip("nothing of this kind can be sent here")

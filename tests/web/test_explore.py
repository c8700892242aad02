"""The explorer's routes: what a page is drawn from."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from vivocart.web.settings import LIMITS

ARM = {"product": "HN2301", "dose": 4, "infusions": 3, "interval_days": 3}


def ask(client: httpx.Client, **changes: object) -> httpx.Response:
    return client.post("/api/v1/explore", json={"arms": [ARM], "n_patients": 60, **changes})


def test_the_catalog_offers_what_can_be_asked_for(client: httpx.Client):
    catalog = client.get("/api/v1/catalog").json()
    assert catalog["disclaimer"] == "For research, not for treatment decisions."
    assert [chart["id"] for chart in catalog["charts"]] == [
        "car",
        "b_blood",
        "b_tissue",
        "antibody",
        "sledai",
        "cytokines",
    ]
    first = client.post("/api/v1/explore", json={**catalog["defaults"], "n_patients": 20})
    assert first.status_code == 200
    drawn = {panel["observable"] for chart in catalog["charts"] for panel in chart["panels"]}
    assert drawn == set(first.json()["arms"][0]["bands"])


@pytest.mark.parametrize("position", range(6))
def test_every_product_can_be_explored_with_its_first_knobs(client: httpx.Client, position: int):
    product = client.get("/api/v1/catalog").json()["products"][position]
    arm = {
        "product": product["id"],
        "dose": product["dose_default"],
        "infusions": product["infusions_default"],
        "interval_days": product["interval_default"],
    }
    found = ask(client, arms=[arm], n_patients=5)
    assert found.status_code == 200, found.text
    low, high = product["dose_range"]
    assert product["dose_limits"][0] <= low <= product["dose_default"] <= high <= product["dose_limits"][1]


def test_an_answer_has_bands_in_order_on_its_times(client: httpx.Client):
    answer = ask(client).json()
    (arm,) = answer["arms"]
    assert arm["infusions_days"] == [0, 3, 6]
    assert arm["times"] == sorted(arm["times"]) and arm["times"][-1] == 180
    for name, band in arm["bands"].items():
        times = arm["item_days"] if name == "sledai" else arm["times"]
        for quantiles in zip(*(band[key] for key in ("q05", "q25", "q50", "q75", "q95")), strict=True):
            assert list(quantiles) == sorted(quantiles)
        assert len(band["q50"]) == len(times)
    assert set(arm["items"]) == set(arm["item_weights"]) and len(arm["items"]) == 24
    assert arm["crs"]["any"] >= arm["crs"]["grade2"] >= arm["crs"]["grade3"] >= arm["crs"]["grade4"]
    assert answer["provenance"]["seed"] == 1 and answer["disclaimer"]


def test_items_and_the_score_agree(client: httpx.Client):
    arm = ask(client, n_patients=1).json()["arms"][0]
    for place, score in enumerate(arm["bands"]["sledai"]["q50"]):
        assert score == sum(
            arm["item_weights"][name] * shares[place] for name, shares in arm["items"].items()
        )


def test_arms_are_in_the_same_patients_and_a_prepared_one_begins_before_day_zero(client: httpx.Client):
    cells = {"product": "ex_vivo_cd19_car_t", "dose": 1e6}
    answer = ask(client, arms=[ARM, cells, {**ARM, "label": "again"}]).json()
    one, other, again = answer["arms"]
    assert one["bands"] == again["bands"] and again["label"] == "again"
    assert other["times"][0] == -5 and other["infusions_days"] == [0]
    assert one["bands"]["b_cells_blood"]["q50"][0] == other["bands"]["b_cells_blood"]["q50"][0]


def test_equal_arms_get_names_that_differ(client: httpx.Client):
    labels = [arm["label"] for arm in ask(client, arms=[ARM, ARM], n_patients=3).json()["arms"]]
    assert labels == ["HN2301 4 mg x 3 every 3 d", "HN2301 4 mg x 3 every 3 d (2)"]


def test_the_same_request_gives_the_same_bytes_whoever_asks_beside(client: httpx.Client):
    requests = [{"seed": seed} for seed in (5, 6, 7, 5, 6, 7, 5, 5)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda change: ask(client, **change).json(), requests))
    for answer in found:
        answer.pop("server_ms")
    assert found[0] == found[3] == found[6] == found[7] and found[1] == found[4] != found[0]


def test_a_shorter_horizon_leaves_out_what_it_cannot_answer(client: httpx.Client):
    arm = ask(client, days=30).json()["arms"][0]
    assert "sledai_d90" in arm["left_out"] and arm["times"][-1] == 30
    shown = {row["id"] for row in arm["endpoints"]}
    assert not shown & set(arm["left_out"])


def test_what_is_not_reached_is_null_and_says_so(client: httpx.Client):
    weak = {"product": "HN2301", "dose": 0.25}
    rows = {row["id"]: row for row in ask(client, arms=[weak]).json()["arms"][0]["endpoints"]}
    row = rows["b_cell_first_depleted_day"]
    assert row["median"] is None and row["not_reached"] > 30 and "not reached" in row["text"]
    text = json.dumps(rows)
    assert "NaN" not in text and "Infinity" not in text


def test_published_marks_stand_where_the_study_gave_the_same(client: httpx.Client):
    marks = ask(client).json()["marks"]
    on_chart = {mark["observation_id"]: mark for mark in marks if mark["chart"]}
    duration = on_chart["hn2301_b_cell_depletion_days"]
    assert (duration["kind"], duration["lower"], duration["upper"]) == ("duration", 7, 10)
    assert on_chart["hn2301_car_percent_peak"]["record_id"] == "wang2025"
    assert all(mark["citation"] and mark["quantity_id"] for mark in marks)
    other = ask(client, arms=[{**ARM, "dose": 3}]).json()["marks"]
    assert other == []


def test_another_interval_keeps_the_marks_of_a_study_that_published_none(client: httpx.Client):
    assert ask(client, arms=[{**ARM, "interval_days": 5}]).json()["marks"]


def test_a_sentence_is_an_arm_too(client: httpx.Client):
    arm = {"regimen": "HN2301 4 mg x 2 every 3 d then rituximab 1000 mg after 28 d"}
    found = ask(client, arms=[arm], n_patients=4).json()["arms"][0]
    assert found["infusions_days"] == [0, 3, 31]


def test_one_patient_is_the_same_patient_as_in_the_crowd(client: httpx.Client):
    body = {"arm": ARM, "patient": 7}
    view = client.post("/api/v1/patient", json=body).json()
    assert view["sledai"][0] == sum(
        weight * view["items"][name][0] for name, weight in view["item_weights"].items()
    )
    one = ask(client, n_patients=8)
    many = client.post("/api/v1/patient", json={**body, "patient": 8}).json()
    assert one.status_code == 200 and many["covariates"] != view["covariates"]
    kinds = {row["kind"] for row in view["parameters"]}
    assert "assumed" in kinds and all(row["typical"] is not None for row in view["parameters"])
    assert all(math.isfinite(value) for values in view["series"].values() for value in values)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"arms": []}, 422, "arms"),
        ({"arms": [ARM] * 5}, 422, "arms"),
        ({"n_patients": LIMITS.explore_patients + 1}, 422, "n_patients"),
        ({"n_patients": 10_000, "arms": [ARM, ARM, ARM]}, 422, "population job"),
        ({"days": 1e4}, 422, "days"),
        ({"seed": -1}, 422, "seed"),
        ({"patient_type": "nobody"}, 404, "patient type"),
        ({"patients": "0" * 16}, 404, "upload"),
        ({"patients": "../../etc/passwd"}, 422, "patients"),
        ({"arms": [{**ARM, "dose": 1000}]}, 422, "0.01 to 40 mg"),
        ({"arms": [{**ARM, "interval_days": None}]}, 422, "interval_days"),
        ({"arms": [{**ARM, "interval_days": 170}]}, 422, "horizon"),
        ({"arms": [{**ARM, "product": "HN2302"}]}, 404, "HN2301"),
        ({"arms": [{**ARM, "product": "/etc/x.yaml"}]}, 422, "product"),
        ({"arms": [{"regimen": "/etc/x.yaml 4 mg"}]}, 404, "unknown product"),
        ({"arms": [{"regimen": "HN2301 4 mg x 900 every 0.1 d"}]}, 422, "at most"),
        ({"arms": [{"regimen": "HN2301 4 mg\nx"}]}, 422, "line breaks"),
        ({"arms": [{**ARM, "regimen": "HN2301 4 mg"}]}, 422, "either"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_shape(
    client: httpx.Client, change: dict[str, object], status: int, words: str
):
    found = ask(client, **change)
    assert found.status_code == status, found.text
    error = found.json()["error"]
    assert set(error) == {"kind", "message", "where", "mend"}
    assert words in " ".join(error.values())


def test_no_number_that_is_none_comes_in(client: httpx.Client):
    body = '{"arms":[{"product":"HN2301","dose":NaN}]}'
    headers = {"content-type": "application/json"}
    assert client.post("/api/v1/explore", content=body, headers=headers).status_code == 422


def test_patients_come_from_the_population_that_is_named(client: httpx.Client):
    catalog = client.get("/api/v1/catalog").json()
    populations = {entry["id"]: entry for entry in catalog["populations"]}
    default = catalog["defaults"]["population"]
    assert {"shipped", "prior"} <= set(populations) and default in populations
    assert ask(client).json()["population"] == default
    width = {
        name: next(
            row["q95"] - row["q05"]
            for row in ask(client, population=name, n_patients=200).json()["arms"][0]["endpoints"]
            if row["id"] == "b_cell_depletion_days"
        )
        for name in ("shipped", "prior")
    }
    assert width["prior"] > width["shipped"]
    assert ask(client, population="nobody").status_code == 404
    assert ask(client, population="0" * 16).status_code == 404


def test_the_values_of_a_fit_stand_beside_the_parameters(client: httpx.Client):
    fitted = [row for row in client.get("/api/v1/parameters").json() if row["fitted"]]
    is_shipped = any(entry["is_fitted"] for entry in client.get("/api/v1/catalog").json()["populations"])
    assert bool(fitted) is is_shipped
    assert all(row["fitted"]["q05"] <= row["fitted"]["median"] <= row["fitted"]["q95"] for row in fitted)


def test_fifty_who_ask_at_once_are_all_answered(client: httpx.Client):
    def turn(place: int) -> int:
        return ask(client, n_patients=10, arms=[{**ARM, "dose": 1 + place / 20}]).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(turn, range(50))) == {200}

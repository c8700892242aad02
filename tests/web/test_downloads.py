"""An exploration as a file."""

from __future__ import annotations

import csv
import io
import json

import httpx

ARM = {"product": "HN2301", "dose": 4, "infusions": 3, "interval_days": 3}


def fetch(client: httpx.Client, form: str, **changes: object) -> httpx.Response:
    return client.post(
        f"/api/v1/download/{form}", json={"request": {"arms": [ARM], "n_patients": 30, **changes}}
    )


def test_the_table_holds_what_the_page_showed(client: httpx.Client):
    found = fetch(client, "csv")
    assert 'filename="vivocart-exploration.csv"' in found.headers["content-disposition"]
    lines = found.text.splitlines()
    assert lines[0].startswith("# For research, not for treatment decisions.")
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[1:]))))
    arm = client.post("/api/v1/explore", json={"arms": [ARM], "n_patients": 30}).json()["arms"][0]
    bands = [row for row in rows if row["table"] == "band" and row["name"] == "b_cells_blood"]
    assert [float(row["q50"]) for row in bands] == arm["bands"]["b_cells_blood"]["q50"]
    assert {row["name"] for row in rows if row["table"] == "endpoint"} == {
        row["id"] for row in arm["endpoints"]
    }
    assert len([row for row in rows if row["table"] == "sledai_item"]) == 24 * len(arm["item_days"])


def test_a_label_is_no_formula(client: httpx.Client):
    assert "'=1+1" in fetch(client, "csv", arms=[{**ARM, "label": "=1+1"}]).text


def test_the_data_can_be_asked_for_again(client: httpx.Client):
    data = fetch(client, "json").json()
    again = client.post("/api/v1/explore", json=data["request"]).json()
    assert again["arms"] == data["arms"]


def test_the_report_stands_alone_and_says_what_it_rests_on(client: httpx.Client):
    text = fetch(client, "report", arms=[{**ARM, "label": "<b>four</b>"}, {**ARM, "dose": 2}]).text
    assert "For research, not for treatment decisions" in text and "&lt;b&gt;four&lt;/b&gt;" in text
    assert "<b>four</b>" not in text and "<script" not in text and "src=" not in text
    assert text.count("<svg") == 6 and "In 9 of 10 such patients" in text
    asked = text[text.index("<pre>") + 5 : text.index("</pre>")]
    assert (
        json.loads(asked.replace("&#34;", '"').replace("\\u003c", "<").replace("\\u003e", ">"))["seed"] == 1
    )


def test_another_form_is_refused(client: httpx.Client):
    assert fetch(client, "docx").status_code == 422

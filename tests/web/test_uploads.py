"""Tables and models that a user brings are read, never run."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from vivocart.web.settings import LIMITS

ARM = {"product": "HN2301", "dose": 4}
TABLE = "age,upcr,b_cells_blood\n33,1.2,80\n44,0.1,120\n29,2.5,60\n"
MODEL = "model m\n S1 -> S2; k*S1; k = 0.1; S1 = 10\nend\n"


def send(client: httpx.Client, kind: str, text: str) -> httpx.Response:
    return client.post(f"/api/v1/uploads/{kind}", content=text, headers={"content-type": "text/plain"})


def test_own_patients_can_be_explored(client: httpx.Client):
    found = send(client, "patients", TABLE)
    assert found.status_code == 201 and found.json()["n_patients"] == 3
    upload = found.json()["id"]
    answer = client.post("/api/v1/explore", json={"arms": [ARM], "patients": upload}).json()
    assert answer["n_patients"] == 3
    first = [answer["arms"][0]["bands"]["b_cells_blood"][key][0] for key in ("q05", "q50", "q95")]
    assert first == pytest.approx([60, 80, 120], rel=1e-3)
    view = client.post("/api/v1/patient", json={"arm": ARM, "patients": upload, "patient": 2}).json()
    assert {row["id"]: row["value"] for row in view["covariates"]}["age"] == 29
    beyond = client.post("/api/v1/patient", json={"arm": ARM, "patients": upload, "patient": 3})
    assert beyond.status_code == 422 and "0 to 2" in beyond.text
    assert client.delete(f"/api/v1/uploads/{upload}").status_code == 204
    gone = client.post("/api/v1/explore", json={"arms": [ARM], "patients": upload})
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "empty"),
        ("age\n", "no patients"),
        ("agee\n33\n", "did you mean age"),
        ("age\nhello\n", "hello"),
        ("age\n33,44\n", "row 2"),
        ("age\n=cmd()\n", "=cmd()"),
        ("age\ninf\n", "inf"),
        ("\x00\x01", ""),
        ("age\n" + "33\n" * (LIMITS.explore_patients + 2), "at most"),
    ],
)
def test_a_faulty_table_is_refused_with_its_place_and_not_kept(
    client: httpx.Client, work_folder: Path, table: str, words: str
):
    found = send(client, "patients", table)
    assert found.status_code == 422 and words in found.text, found.text
    assert not list((work_folder / "uploads").glob("*.csv"))


STUDY = (
    "study_id,arm,n,measure,unit,statistic,value,regimen\n"
    "mine,low,6,car_percent_peak,%,median,35,HN2301 4 mg x 3 every 3 d\n"
    "mine,low,6,car_percent_peek,%,median,35,\n"
)
SUBJECTS = (
    "ID,TIME,AMT,DV,EVID,CENS,WT\n"
    "1,0,4,.,1,0,70\n1,1,.,12.5,0,0,70\n1,2,.,0.5,0,1,70\n"
    "2,0,4,.,1,0,81\n2,1,.,9,0,0,81\n"
)


def test_a_study_is_read_row_by_row_and_judged(client: httpx.Client, wait):
    found = send(client, "observations", STUDY)
    assert found.status_code == 201, found.text
    said = found.json()
    assert (said["n_rows"], said["n_predicted"], said["studies"]) == (2, 1, ["mine"])
    assert said["rows"][0]["fault"] == "" and said["rows"][0]["written"]["value"] == "35"
    assert said["rows"][1]["line"] == 3 and "car_percent_peak" in said["rows"][1]["fault"]
    job = client.post("/api/v1/jobs", json={"kind": "credibility", "observations": said["id"]}).json()
    ended = wait(
        lambda: (now := client.get(f"/api/v1/jobs/{job['id']}").json())["state"] in ("done", "failed") and now
    )
    assert ended["state"] == "done", ended
    result = client.get(f"/api/v1/jobs/{job['id']}/result").json()
    assert {row["study"] for row in result["table"]} == {"mine"}
    assert [row["is_inside"] is None for row in result["table"]] == [False, True]
    assert "--only-own" in result["command"]
    client.delete(f"/api/v1/uploads/{said['id']}")
    gone = client.post("/api/v1/jobs", json={"kind": "credibility", "observations": said["id"]})
    assert gone.status_code == 404


def test_individual_data_are_counted(client: httpx.Client):
    said = send(client, "individuals", SUBJECTS).json()
    assert (said["n_patients"], said["n_doses"], said["n_measurements"]) == (2, 2, 3)
    assert (said["n_beyond_limits"], said["covariates"], said["varying"]) == (1, ["WT"], {})


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("observations", "study_id,n\na,3\n", "missing: arm"),
        ("observations", "\x00", "header"),
        ("observations", STUDY + "a\n" * LIMITS.upload_observations, "at most"),
        ("individuals", "ID,TIME,DV\n1,zero,3\n", "row 2"),
        ("individuals", "ID,TIME\n1,0\n", "DV"),
        ("individuals", "ID,TIME,DV,AMT,SS,II\n1,0,.,4,1,3\n1,1,2,.,.,.\n", "SS"),
    ],
)
def test_a_faulty_table_of_any_kind_names_its_place(
    client: httpx.Client, work_folder: Path, kind: str, text: str, words: str
):
    before = set((work_folder / "uploads").glob("*"))
    found = send(client, kind, text)
    assert found.status_code == 422 and words in found.text, found.text
    assert set((work_folder / "uploads").glob("*")) == before


def test_a_model_is_described(client: httpx.Client):
    found = send(client, "model", MODEL)
    assert found.status_code == 201
    assert found.json()["states"] == ["S1", "S2"] and found.json()["format"] == "Antimony"
    assert any(entry["id"] == found.json()["id"] for entry in client.get("/api/v1/uploads").json())


@pytest.mark.parametrize(
    "text",
    [
        'import "/etc/passwd"\nmodel m\nend',
        "model m\n S1 -> ; nonsense(\nend",
        "<sbml>",
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><sbml>&c;</sbml>',
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><sbml>&f;</sbml>',
        "\xff\xfe",
        "__import__('os').system('touch /tmp/x')",
    ],
)
def test_a_model_that_cannot_be_read_is_refused_and_not_kept(
    client: httpx.Client, work_folder: Path, text: str
):
    before = set((work_folder / "uploads").glob("*.txt"))
    found = send(client, "model", text)
    assert found.status_code == 422 and "root:" not in found.text, found.text
    assert set((work_folder / "uploads").glob("*.txt")) == before


@pytest.mark.parametrize("name", ["../jobs", "*", "0" * 15, "0" * 16, "..%2F..%2Fetc"])
def test_only_uploads_can_be_removed(client: httpx.Client, name: str):
    assert client.delete(f"/api/v1/uploads/{name}").status_code in (404, 405, 422)


def test_nothing_is_written_outside_the_work_folder(client: httpx.Client, work_folder: Path):
    send(client, "patients", TABLE)
    names = {path.name for path in work_folder.iterdir()}
    assert names <= {"jobs", "uploads", "library.sqlite", "library.sqlite-wal", "library.sqlite-shm", "lock"}

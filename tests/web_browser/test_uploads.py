"""Your data in a real browser: a file of each kind, what was read of it, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENTS = "age,upcr,b_cells_blood\n33,1.2,80\n44,0.1,120\n29,2.5,60\n"
STUDY = (
    "study_id,arm,n,measure,unit,statistic,value,regimen\n"
    "mine,low,6,car_percent_peak,%,median,35,HN2301 4 mg x 3 every 3 d\n"
    "mine,low,6,car_percent_peek,%,median,35,\n"
)
SUBJECTS = "ID,TIME,AMT,DV,EVID\n1,0,4,.,1\n1,1,.,12.5,0\n"
MODEL = "model decay\n S1 -> S2; k * S1\n k = 0.1; S1 = 10\nend\n"
DROP = """([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector('#drop').dispatchEvent(event);
}"""
Open = Callable[..., Any]


def choose(page: Any, name: str, text: str) -> Any:
    """The card of a file that was chosen."""
    page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})
    return page.locator(".upload", has_text=name).first


def test_own_patients_are_treated_in_the_explorer(open_page: Open, answered: Callable[..., Any]):
    page = open_page("/uploads")
    card = choose(page, "mine.csv", PATIENTS)
    card.wait_for()
    assert "3 patients" in card.inner_text()
    assert "3 patients" in page.locator("#told").inner_text()
    response = answered(page, card.get_by_role("link", name="Treat them in the explorer").click)
    assert len(json.loads(response.request.post_data)["patients"]) == 16
    page.wait_for_function(
        "document.querySelector('#run-line').textContent.startsWith('3 patients of your table')"
    )
    assert page.locator("#patient-type option:checked").inner_text() == "Your table: 3 patients"
    assert page.locator("#n-patients").is_disabled()


def test_a_study_tells_its_faulty_rows_and_is_judged(open_page: Open, tmp_path: Path):
    page = open_page("/uploads", width=390, height=844)
    card = choose(page, "study.csv", STUDY)
    card.wait_for()
    assert "2 observations of mine; 1 can be predicted" in card.inner_text()
    assert "line 3" in card.inner_text() and "did you mean" in card.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    card.get_by_role("button", name="Set beside what is predicted").click()
    card.get_by_role("button", name="Download CSV").wait_for(timeout=120_000)
    assert card.locator(".verdict").count() == 1
    with page.expect_download() as caught:
        card.get_by_role("button", name="Download CSV").click()
    caught.value.save_as(tmp_path / "verdict.csv")
    assert caught.value.suggested_filename == "study-predicted.csv"
    assert (tmp_path / "verdict.csv").read_text().startswith("study,arm,n,label")
    page.reload()  # what was judged is still there
    page.locator(".upload", has_text="study.csv").first.get_by_role("button", name="Download JSON").wait_for()


def test_individuals_and_models_are_dropped_and_described(open_page: Open):
    page = open_page("/uploads")
    page.evaluate(DROP, ["subjects.csv", SUBJECTS])
    card = page.locator(".upload", has_text="subjects.csv").first
    card.wait_for()
    assert "1 patient, 1 dose, 1 measurement" in card.inner_text()
    assert "vivocart calibrate --data subjects.csv" in card.inner_text()
    page.evaluate(DROP, ["decay.ant", MODEL])
    card = page.locator(".upload", has_text="decay.ant").first
    card.wait_for()
    assert "Antimony, 2 states" in card.inner_text()


def test_what_cannot_be_read_names_its_place(open_page: Open):
    page = open_page("/uploads")
    page.get_by_label("Read it as").select_option("individuals")
    page.locator("#file").set_input_files(
        {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"ID,TIME,DV\n1,zero,3\n"}
    )
    page.wait_for_selector("#problem .problem")
    told = page.locator("#problem").inner_text()
    assert "bad.csv was not read" in told and "row 2" in told and "zero" in told
    page.locator("#file").set_input_files({"name": "empty.csv", "mimeType": "text/csv", "buffer": b""})
    page.wait_for_function("document.querySelector('#problem').textContent.includes('empty.csv')")


def test_by_keyboard_and_removed(open_page: Open):
    page = open_page("/uploads")
    choose(page, "gone.csv", PATIENTS).wait_for()
    page.locator("#file").focus()
    assert (
        page.evaluate("getComputedStyle(document.querySelector('label[for=file]')).outlineStyle") == "solid"
    )
    card = page.locator(".upload", has_text="gone.csv").first
    card.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#told').textContent === 'Removed.'")
    assert page.locator(".upload", has_text="gone.csv").count() == 0

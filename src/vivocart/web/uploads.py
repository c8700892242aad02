"""What a user uploads: tables and models, kept in the work folder and read by the very readers of the command line.

Nothing of it is executed. A model is read in a process of its own with a time limit, because its libraries are not ours.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

from vivocart.ground.errors import InputError, UnknownNameError, VivocartError
from vivocart.web.errors import RefusedError
from vivocart.web.job_files import write_whole
from vivocart.web.settings import LIMITS

if TYPE_CHECKING:
    from vivocart.calibration.own_observations import OwnRow, OwnTable
    from vivocart.formats.individual_data import IndividualData
    from vivocart.patients.population import VirtualPopulation

_Found = TypeVar("_Found")

_NAME = re.compile(r"([0-9a-f]{16})\.(patients|observations|individuals|model)\.json")
_SECONDS = 20
_UNREAD = {"message": "it could not be read", "mend": "check that it is SBML or Antimony", "where": ""}
_KINDS = {"patients": "csv", "observations": "csv", "individuals": "csv", "model": "txt"}


@final
class Uploads:
    """Uploaded texts of a work folder, each under an id that the server chose."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._patients: dict[str, VirtualPopulation] = {}

    def all(self) -> list[dict[str, Any]]:
        """What was said of each upload, the newest last."""
        if not self._folder.is_dir():
            return []
        found = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        return [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(found, key=lambda path: path.stat().st_mtime)
        ]

    def add_patients(self, text: bytes) -> dict[str, Any]:
        """Keep a table of patients that can be read, and say what is in it.

        Raises
        ------
        InputError
            Naming row, column, value and mend.
        """
        new, patients = self._read("patients", text, self._read_patients)
        header = text.decode("utf-8-sig").splitlines()[0]
        self._patients[new] = patients
        return self._said(
            new,
            "patients",
            {
                "n_patients": len(patients),
                "columns": [cell.strip() for cell in header.split(",")],
                "summary": str(patients),
            },
        )

    def add_observations(self, text: bytes) -> dict[str, Any]:
        """Keep a table of published observations, and say of each row how it was read or why it cannot be predicted.

        Raises
        ------
        InputError
            If the table as a whole cannot be read.
        """
        new, table = self._read("observations", text, _read_observations)
        return self._said(
            new,
            "observations",
            {
                "n_rows": len(table.rows),
                "n_predicted": sum(row.observation is not None for row in table.rows),
                "studies": list(dict.fromkeys(row.study_id for row in table.rows)),
                "rows": [_row_said(row) for row in table.rows],
                "notes": list(table.notes),
            },
        )

    def add_individuals(self, text: bytes) -> dict[str, Any]:
        """Keep data of individual patients in the table that NONMEM reads, and say what is in it.

        Raises
        ------
        InputError
            Naming row, column, value and mend.
        """
        new, data = self._read("individuals", text, _read_individuals)
        measured, beyond = data.observations, data.observations.censored != 0
        return self._said(
            new,
            "individuals",
            {
                "n_patients": len(data.subjects),
                "n_doses": len(data.doses.at),
                "n_measurements": len(measured.time),
                "n_beyond_limits": int(beyond.sum()),
                "n_left_out": data.left_out,
                "measured": sorted({str(kind) for kind in measured.kind}),
                "covariates": list(data.covariates),
                "varying": dict(data.varying),
            },
        )

    def observations_path(self, upload_id: str) -> Path:
        """Where an uploaded table of observations lies.

        Raises
        ------
        UnknownNameError
            If there is none of that id.
        """
        path = self._path(upload_id, "observations")
        if not (self._folder / f"{upload_id}.observations.json").is_file() or not path.is_file():
            raise UnknownNameError("upload", upload_id, (), where="observations")
        return path

    def add_model(self, text: bytes) -> dict[str, Any]:
        """Keep a model, SBML or Antimony, that can be read, and say what is in it.

        Raises
        ------
        InputError
            If it cannot be read, or not in time.
        """
        new = self._kept("model", text)
        path = self._path(new, "model")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "vivocart.web.model_reader", str(path)],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            said = json.loads(done.stdout) if done.stdout else {}
        except subprocess.TimeoutExpired:
            said = {
                "error": {"message": f"it was not read within {_SECONDS} s", "mend": "send a smaller model"}
            }
        except json.JSONDecodeError:
            said = {}
        if "model" not in said:
            path.unlink(missing_ok=True)
            error = {**_UNREAD, **said.get("error", {})}
            where, problem = (str(error[key]).replace(path.name, "model") for key in ("where", "message"))
            raise InputError(problem, where=where or "model", mend=str(error["mend"]))
        return self._said(new, "model", said["model"])

    def remove(self, upload_id: str) -> None:
        """Remove an upload.

        Raises
        ------
        UnknownNameError
            If there is none of that id.
        """
        found = list(self._folder.glob(f"{upload_id}.*")) if re.fullmatch(r"[0-9a-f]{16}", upload_id) else []
        if not found:
            raise UnknownNameError("upload", upload_id, ())
        for path in found:
            path.unlink(missing_ok=True)
        self._patients.pop(upload_id, None)

    def patients(self, upload_id: str) -> VirtualPopulation:
        """The patients of an uploaded table.

        Raises
        ------
        UnknownNameError
            If there is none of that id.
        """
        if upload_id not in self._patients:
            path = self._path(upload_id, "patients")
            if not path.is_file():
                raise UnknownNameError("upload", upload_id, (), where="patients")
            self._patients[upload_id] = self._read_patients(path)
        return self._patients[upload_id]

    def _read_patients(self, path: Path) -> VirtualPopulation:
        from vivocart.model.load import load_model
        from vivocart.patients.population import VirtualPopulation

        rows = path.read_bytes().count(b"\n")
        if rows > LIMITS.explore_patients + 1:
            raise InputError(
                f"{rows} lines", where="table", mend=f"at most {LIMITS.explore_patients} patients"
            )
        return VirtualPopulation.read(path, load_model())

    def _read(self, kind: str, text: bytes, reader: Callable[[Path], _Found]) -> tuple[str, _Found]:
        """Id and content of a table that can be read; one that cannot is not kept, and called ``table`` in its error."""
        new = self._kept(kind, text)
        path = self._path(new, kind)
        try:
            return new, reader(path)
        except VivocartError as error:
            path.unlink(missing_ok=True)
            if not isinstance(error, InputError):
                raise
            where = error.where.replace(path.name, "table")
            problem = error.problem.replace(path.name, "table")
            raise InputError(problem, where=where, mend=error.mend) from None

    def _kept(self, kind: str, text: bytes) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        if len(self.all()) >= LIMITS.uploads:
            raise RefusedError(429, "uploads_full", f"{LIMITS.uploads} uploads are kept", mend="remove one")
        if not text.strip():
            raise InputError("an empty body", where=kind, mend="send the text of the file")
        new = secrets.token_hex(8)
        write_whole(self._path(new, kind), text)
        return new

    def _path(self, upload_id: str, kind: str) -> Path:
        return self._folder / f"{upload_id}.{_KINDS[kind]}"

    def _said(self, upload_id: str, kind: str, what: dict[str, Any]) -> dict[str, Any]:
        data = {"id": upload_id, "kind": kind, **what}
        write_whole(self._folder / f"{upload_id}.{kind}.json", json.dumps(data).encode())
        return data


def _read_observations(path: Path) -> OwnTable:
    from vivocart.calibration.own_observations import read_own_observations
    from vivocart.model.load import load_model

    _refuse_long(path, LIMITS.upload_observations, "observations")
    return read_own_observations(path, load_model())


def _read_individuals(path: Path) -> IndividualData:
    from vivocart.formats.nonmem import read_nonmem

    _refuse_long(path, LIMITS.upload_rows, "rows")
    return read_nonmem(path)


def _refuse_long(path: Path, most: int, what: str) -> None:
    lines = path.read_bytes().count(b"\n")
    if lines > most + 1:
        raise InputError(f"{lines} lines", where="table", mend=f"at most {most} {what}")


def _row_said(row: OwnRow) -> dict[str, Any]:
    from vivocart.report.spelling import in_print

    found = row.observation
    return {
        "line": row.line,
        "study": row.study_id,
        "arm": row.arm,
        "measure": row.cells.get("measure", ""),
        "statistic": row.cells.get("statistic", ""),
        "label": in_print(found.label) if found is not None else row.cells.get("label", ""),
        "written": {name: cell for name, cell in row.cells.items() if cell and name in _WRITTEN},
        "fault": row.reason,
    }


_WRITTEN = ("value", "lower", "upper", "unit", "time_days", "level", "n", "regimen", "population")

"""What a request may say, with every limit: what does not fit is refused before anything is computed."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vivocart.web.settings import LIMITS

_POPULATION = r"^([A-Za-z][A-Za-z0-9_-]{0,63}|[0-9a-f]{16})$"
_UPLOAD_ID = r"^[0-9a-f]{16}$"
_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


class Body(BaseModel):
    """Base of every request's body: no unknown key, no infinite number, text without blanks around it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("write it without line breaks and control characters")
    return text


Label = Annotated[str, Field(max_length=80), AfterValidator(_printable)]
Sentence = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]
Name = Annotated[str, Field(pattern=_ID)]
UploadId = Annotated[str, Field(pattern=_UPLOAD_ID)]
Dose = Annotated[float, Field(gt=0, le=1e12)]
IntervalDays = Annotated[float, Field(gt=0, le=365)]
Days = Annotated[float, Field(ge=1, le=LIMITS.days)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Infusions = Annotated[int, Field(ge=1, le=LIMITS.infusions)]


@final
class ArmRequest(Body):
    """One therapy: a product with its dose, or ``regimen`` as a clinician's sentence."""

    label: Label = ""
    product: Name | None = None
    dose: Dose | None = Field(default=None, description="In the product's own unit; see the catalog.")
    infusions: Infusions = 1
    interval_days: IntervalDays | None = Field(default=None, description="Start to start.")
    regimen: Sentence | None = Field(
        default=None, description="Such as `HN2301 4 mg x 3 every 3 d`; courses join by `+` or `then`."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.product is None) == (self.regimen is None):
            raise ValueError("give either a product with its dose or a regimen sentence")
        if self.product is not None and self.dose is None:
            raise ValueError("a product needs its dose")
        if self.regimen is not None and (self.dose is not None or self.interval_days is not None):
            raise ValueError("the regimen sentence says dose and interval already")
        return self


class PatientsRequest(Body):
    """Who is treated and for how long they are watched."""

    patient_type: Name = "refractory"
    patients: UploadId | None = Field(
        default=None, description="Id of an uploaded table, instead of a type of virtual patient."
    )
    days: Days = Field(default=180.0, description="Horizon, in days after the first infusion.")
    seed: Seed = 1
    population: Annotated[str, Field(pattern=_POPULATION)] | None = Field(
        default=None,
        description="Where typical values come from: `shipped`, `prior` (within their stated uncertainty), a shipped "
        "posterior by name, a calibration job by its id; the shipped fit unless given.",
    )
    tocilizumab: bool = Field(
        default=True, description="Whether the reference study's rule gives tocilizumab at CRS grade 2."
    )


@final
class ExploreRequest(PatientsRequest):
    """One to four therapies in the same virtual patients."""

    arms: tuple[ArmRequest, ...] = Field(min_length=1, max_length=LIMITS.arms)
    n_patients: int = Field(default=500, ge=1, le=LIMITS.explore_patients)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.n_patients * len(self.arms) > LIMITS.explore_patient_arms:
            most = LIMITS.explore_patient_arms // len(self.arms)
            raise ValueError(
                f"at most {most} patients with {len(self.arms)} arms; start a population job for more"
            )
        return self


@final
class PatientRequest(PatientsRequest):
    """One virtual patient under one therapy."""

    arm: ArmRequest
    patient: int = Field(default=0, ge=0, le=LIMITS.population_patients - 1)


@final
class DownloadRequest(Body):
    """The exploration to be downloaded."""

    request: ExploreRequest


@final
class LargeExploreRequest(PatientsRequest):
    """An exploration of many patients, as a job."""

    arms: tuple[ArmRequest, ...] = Field(min_length=1, max_length=LIMITS.arms)
    n_patients: int = Field(default=20_000, ge=1, le=LIMITS.population_patients)


@final
class PopulationJob(Body):
    """A large population; its result is that of an exploration."""

    kind: Literal["population"]
    explore: LargeExploreRequest
    label: Label = ""


@final
class HeatMapJob(PatientsRequest):
    """Dose against interval, each pair in the same patients."""

    kind: Literal["heatmap"]
    product: Name = "HN2301"
    infusions: int = Field(default=3, ge=2, le=LIMITS.infusions)
    doses: tuple[Dose, ...] = Field(min_length=1, max_length=24)
    intervals: tuple[IntervalDays, ...] = Field(min_length=1, max_length=24)
    n_patients: int = Field(default=200, ge=1, le=LIMITS.heat_map_patients)
    label: Label = ""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if len(self.doses) * len(self.intervals) > LIMITS.heat_map_cells:
            raise ValueError(f"at most {LIMITS.heat_map_cells} pairs of dose and interval")
        return self


@final
class CredibilityJob(Body):
    """Published observations beside cohorts of their size, for the credibility page."""

    kind: Literal["credibility"]
    study: Name = "all"
    observations: UploadId | None = Field(
        default=None,
        description="Id of an uploaded table of observations, judged instead of the shipped studies.",
    )
    label: Label = ""


@final
class CalibrationJob(Body):
    """A calibration to a study's published observations."""

    kind: Literal["calibration"]
    study: Name = "hn2301"
    n_particles: int = Field(default=200, ge=20, le=2_000)
    sweeps: int = Field(default=5, ge=1, le=50)
    seed: Seed = 1
    label: Label = ""


JobRequest = Annotated[
    PopulationJob | HeatMapJob | CredibilityJob | CalibrationJob, Field(discriminator="kind")
]


def plain(request: BaseModel) -> dict[str, Any]:
    """A request as plain data that asks for the same again."""
    return request.model_dump(mode="json", exclude_none=True)

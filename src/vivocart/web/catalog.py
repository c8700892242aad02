"""What there is to choose from, as plain data: made once, since nothing of it changes while a server runs."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from vivocart.endpoints.sledai import sledai_table
from vivocart.evidence.citations import cite
from vivocart.evidence.library import records
from vivocart.ground.provenance import current_versions
from vivocart.model.load import load_model
from vivocart.report.record_page import DISCLAIMER
from vivocart.report.spelling import in_print, unit_words
from vivocart.scenarios.explore import REFERENCE_STUDY, shown_endpoints
from vivocart.scenarios.explore_draws import default_population, population_choices
from vivocart.scenarios.explorer import explored_products, explorer_settings, knobs_of
from vivocart.therapies.product import Product
from vivocart.trials.protocol import load_study, study_ids
from vivocart.web.settings import LIMITS


@functools.cache
def catalog_data() -> dict[str, Any]:
    """Products, patient types, observables, endpoints, charts, limits and studies."""
    settings, model = explorer_settings(), load_model()
    products = [_product(product) for product in explored_products()]
    first = products[0]
    return {
        "disclaimer": DISCLAIMER,
        "version": current_versions()["vivocart"],
        "model_hash": model.hash,
        "products": products,
        "patient_types": [
            {
                "id": entry.id,
                "label": entry.label,
                "note": entry.note,
                "criteria": str(entry.entry) if entry.entry is not None else "",
            }
            for entry in settings.patient_types
        ],
        "populations": [dataclasses.asdict(choice) for choice in population_choices()],
        "observables": [
            {"id": row.id, "label": in_print(row.label), "unit": row.unit, "note": row.note or ""}
            for row in model.observables.values()
        ],
        "endpoints": [
            {
                "id": entry.id,
                "label": in_print(entry.label),
                "unit": entry.unit,
                "unit_printed": unit_words(entry.unit),
                "family": entry.family,
                "definition": entry.description,
                "record_id": entry.source if entry.source in records() else "",
                "day": entry.day,
            }
            for entry in shown_endpoints()
        ],
        "charts": [chart.model_dump(mode="json") for chart in settings.charts],
        "items": {row.item: in_print(row.item) for row in sledai_table()},
        "limits": _limits(),
        "studies": [_study(name) for name in study_ids()],
        "rescue": _rescue(),
        "defaults": {
            "arms": [
                {
                    "product": first["id"],
                    "dose": first["dose_default"],
                    "infusions": first["infusions_default"],
                    "interval_days": first["interval_default"],
                }
            ],
            "patient_type": settings.patient_types[0].id,
            "days": 180,
            "n_patients": 500,
            "seed": 1,
            "tocilizumab": True,
            "population": default_population(),
        },
    }


def _product(product: Product) -> dict[str, Any]:
    knobs = knobs_of(product)
    return {
        "id": product.id,
        "label": product.name,
        "kind": product.product_class,
        "unit": product.dose_unit,
        "mechanism": product.mechanism,
        "note": product.note,
        "dose_default": knobs.dose,
        "dose_range": list(knobs.dose_range),
        "dose_limits": list(product.dose_limits),
        "dose_is_log": knobs.is_log,
        "infusions_default": knobs.infusions,
        "interval_default": knobs.interval_days,
        "infusion_hours": product.infusion_hours,
        "preparation": [
            {"product": step.product, "dose": step.dose, "day": step.day} for step in product.preparation
        ],
        "records": [
            {"id": name, "label": cite([name], "short")[0]} for name in product.records if name in records()
        ],
        "assumed": list(product.assumed),
    }


def _study(name: str) -> dict[str, Any]:
    study = load_study(name)
    return {
        "id": study.id,
        "title": study.title,
        "registry_id": study.registry_id,
        "follow_up_days": study.follow_up_days,
        "interval_is_published": study.interval.is_published if study.interval else True,
        "arms": [
            {
                "id": arm.id,
                "n_patients": arm.n_patients,
                "regimen": regimen.sentence,
                "product": regimen.courses[0].product.id,
                "dose": regimen.courses[0].dose,
                "infusions": regimen.courses[0].infusions,
                "interval_days": regimen.courses[0].interval_days,
            }
            for arm, regimen in zip(study.arms, study.regimens(None).values(), strict=True)
        ],
        "records": list(study.record_ids),
    }


def _rescue() -> list[dict[str, Any]]:
    return [
        {"product": rule.product, "dose": rule.dose, "kind": rule.kind, "note": rule.note}
        for rule in load_study(REFERENCE_STUDY).rescue
    ]


def _limits() -> dict[str, Any]:
    return {
        "arms": LIMITS.arms,
        "n_patients": {"min": 1, "max": LIMITS.explore_patients, "default": 500},
        "patients_times_arms": LIMITS.explore_patient_arms,
        "population_patients": LIMITS.population_patients,
        "days": {"min": 1, "max": LIMITS.days, "default": 180},
        "infusions": {"min": 1, "max": LIMITS.infusions},
        "interval_days": {"min": 0.1, "max": 365},
        "heat_map_cells": LIMITS.heat_map_cells,
        "heat_map_patients": LIMITS.heat_map_patients,
        "queued_jobs": LIMITS.queued_jobs,
        "body_bytes": LIMITS.body_bytes,
        "upload_bytes": LIMITS.upload_bytes,
    }

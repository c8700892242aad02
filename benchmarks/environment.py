"""The peers' own environment, beside vivocart's: what installs is used, what does not is named with its reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "numbalsoda": ["numbalsoda", "numba"],
    "roadrunner": ["libroadrunner"],
    "copasi": ["copasi-basico"],
    "amici": ["amici"],
    "scipy_lsoda": ["scipy", "numba"],
    "diffrax": ["diffrax", "jax"],
}
"""Peer -> packages, each installed by itself so that one that fails leaves the others."""

SYSTEM_NOTES = {
    "numbalsoda": "builds from source: cmake, C++ and Fortran compilers",
    "amici": "builds from source: cmake, C++ compiler, SWIG, BLAS, HDF5",
    "cvode": "Debian packages libsundials-dev, libsuitesparse-dev, gcc",
}
_NO_R = "R is not installed; the package is for R (Debian: r-base-core, r-cran-desolve)"


def make_environment(folder: Path) -> dict[str, str]:
    """Makes or completes the environment; gives the reason for every peer that did not install."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    stamp = folder / "peers.json"
    reasons: dict[str, str] = json.loads(stamp.read_text()) if stamp.exists() else {}
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for peer, packages in PACKAGES.items():
        if reasons.get(peer) == "":
            continue
        print(f"installing {peer}", flush=True)
        done = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        reasons[peer] = "" if done.returncode == 0 else _reason(done.stderr, peer)
    stamp.write_text(json.dumps(reasons, indent=1))
    return {peer: reason for peer, reason in reasons.items() if reason} | _without_r()


def _reason(text: str, peer: str) -> str:
    lines = [line.strip() for line in text.splitlines() if "error" in line.lower()]
    note = f" ({SYSTEM_NOTES[peer]})" if peer in SYSTEM_NOTES else ""
    return f"pip: {lines[-1] if lines else 'failed'}{note}"


def _without_r() -> dict[str, str]:
    """R packages that are not there, with the reason; R is the machine's own."""
    if shutil.which("Rscript") is None:
        return {"mrgsolve": _NO_R, "desolve": _NO_R}
    reasons = {}
    for package in ("mrgsolve", "deSolve"):
        done = subprocess.run(
            ["Rscript", "-e", f"library({package})"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            reasons[package.lower()] = f"R does not have the package {package}"
    if "mrgsolve" not in reasons:
        reasons["mrgsolve"] = "R has it, but there is no driver for it here"
    return reasons

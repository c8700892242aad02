"""The table of a run: patients a second of one core at equal accuracy, and how many times slower than vivocart."""

from __future__ import annotations

import json
import sys
from pathlib import Path

NAMES = {
    "vivocart": "vivocart",
    "vivocart_whole": "vivocart, all states",
    "numbalsoda": "NumbaLSODA",
    "roadrunner": "libRoadRunner",
    "copasi": "COPASI",
    "amici": "AMICI",
    "cvode": "CVODE in C",
    "scipy_lsoda": "SciPy LSODA + Numba",
    "diffrax": "diffrax Kvaerno5",
}
VARIANTS = {"roadrunner": ("roadrunner", "roadrunner_events"), "cvode": ("cvode_klu", "cvode_dense")}


def best(peers: dict, name: str, target: str) -> tuple[str, dict] | None:
    """The faster variant of a peer at a target, with its name."""
    reached = [
        (variant, peers[variant]["at"][target])
        for variant in VARIANTS.get(name, (name,))
        if peers.get(variant, {}).get("at", {}).get(target)
    ]
    return max(reached, key=lambda pair: pair[1]["patients_per_second"], default=None)


def rows_of(result: dict, target: str) -> list[dict]:
    """One row a problem and peer that reached the target."""
    rows = []
    for problem, entry in result["problems"].items():
        peers = entry["peers"]
        own = best(peers, "vivocart", target)
        for name, label in NAMES.items():
            found = best(peers, name, target)
            if found is None:
                continue
            variant, at = found
            rows.append(
                {
                    "problem": problem,
                    "peer": label,
                    "variant": variant,
                    "speed": at["patients_per_second"],
                    "times": own[1]["patients_per_second"] / at["patients_per_second"] if own else None,
                    "rtol": at["rtol"],
                    "atol": at["atol"],
                    "error": at["error"],
                    "patients": at["patients"],
                    "compile": peers[variant]["compile_seconds"],
                }
            )
    return rows


def print_table(result: dict) -> None:
    """Prints it as Markdown, one part a target."""
    for target in (f"{t:g}" for t in result["rules"]["targets"]):
        print(f"\nerror below {target}\n")
        print(
            "| problem | solver | patients/s | vivocart is | rtol | atol | error | patients run | compile or load (s) |"
        )
        print("|---|---|---:|---:|---|---|---|---:|---:|")
        for r in rows_of(result, target):
            times = f"{r['times']:.1f} x" if r["times"] else ""
            print(
                f"| {r['problem']} | {r['peer']} | {r['speed']:,.0f} | {times} | {r['rtol']:.1e} | {r['atol']:.1e} | "
                f"{r['error']:.1e} | {r['patients']:,} | {r['compile']:.1f} |"
            )
    for problem, entry in result["problems"].items():
        for peer, found in entry["peers"].items():
            if "reason" in found:
                print(f"not run: {peer} on {problem}: {found['reason']}")
    for peer, reason in result["not_installed"].items():
        print(f"not installed: {peer}: {reason}")


if __name__ == "__main__":
    print_table(json.loads(Path(sys.argv[1]).read_text()))

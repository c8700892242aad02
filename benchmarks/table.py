"""The table of a run: patients a second of one core at equal accuracy, and how many times slower than vivocart."""

from __future__ import annotations

import argparse
import json
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
    "desolve": "deSolve (R)",
    "diffrax": "diffrax Kvaerno5",
}
VARIANTS = {
    "vivocart": ("vivocart", "vivocart_single"),
    "roadrunner": ("roadrunner", "roadrunner_events"),
    "cvode": ("cvode_klu", "cvode_dense"),
}
OF_VARIANT = {"vivocart_single": "steps in single precision"}


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
                    "peer": f"{label}, {OF_VARIANT[variant]}" if variant in OF_VARIANT else label,
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


def tables(result: dict) -> list[str]:
    """Lines of Markdown: a table a target, then what did not run."""
    lines: list[str] = []
    for target in (f"{t:g}" for t in result["rules"]["targets"]):
        lines += [
            f"Error below {target}:",
            "",
            "| problem | solver | patients/s | vivocart is faster by | rtol | atol | error | patients | compile (s) |",
            "|---|---|---:|---:|---|---|---|---:|---:|",
        ]
        for r in rows_of(result, target):
            times = f"{r['times']:.1f}" if r["times"] and r["variant"] not in VARIANTS["vivocart"] else ""
            lines.append(
                f"| {r['problem']} | {r['peer']} | {r['speed']:,.0f} | {times} | {r['rtol']:.1e} | {r['atol']:.1e} | "
                f"{r['error']:.1e} | {r['patients']:,} | {r['compile']:.1f} |"
            )
        lines.append("")
    for problem, entry in result["problems"].items():
        reasons = {peer: found["reason"] for peer, found in entry["peers"].items() if "reason" in found}
        lines += [f"- {peer} did not run on {problem}: {reason}" for peer, reason in reasons.items()]
    lines += [f"- {peer} did not install: {reason}" for peer, reason in result["not_installed"].items()]
    return lines


def kernel_table(result: dict) -> list[str]:
    """Lines of Markdown: how near the kernels come to the peak."""
    found = result["kernels"]
    if "reason" in found:
        return [f"Not measured: {found['reason']}"]
    lines = [
        f"Peak of one core, measured with fused multiply-adds: {found['peak_gigaflops_one_core']:.1f} GFLOP/s"
        f"{_in_single(found)}.",
        "",
        "| problem | states | steps a patient | operations a step | step kernel | its share of the peak | all in all |"
        " share the mix of instructions allows |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for problem, k in found["problems"].items():
        lines.append(
            f"| {problem} | {k['states_integrated']} | {k['steps_per_patient']:.0f} | {k['operations_per_step']:,} | "
            f"{k['microseconds_step_kernel']:.2f} us | {k['kernel_share_of_peak']:.0%} | {k['whole_share_of_peak']:.0%} | "
            f"{k['share_of_peak_if_every_instruction_were_free_to_start']:.0%} |"
        )
    return lines


def _in_single(found: dict) -> str:
    peak = found.get("peak_gigaflops_one_core_single")
    return f", {peak:.1f} in single precision" if peak else ""


def card_table(result: dict) -> list[str]:
    """Lines of Markdown: a graphics card beside one core, where there was one."""
    found = result.get("card", {"reason": "this run did not ask for one"})
    if "reason" in found:
        return [f"Not measured: {found['reason']}."]
    lines = [
        f"{found['card']}, beside one core:",
        "",
        "| problem | steps in | rtol | patients/s on the card | on one core | largest difference |",
        "|---|---|---|---:|---:|---|",
    ]
    for problem, rows in found["problems"].items():
        for r in rows:
            apart = "none" if r["same_bits"] else f"{r['largest_difference']:.1e}"
            lines.append(
                f"| {problem} | {r['precision']} | {r['rtol']:.0e} | {r['card_patients_per_second']:,.0f} | "
                f"{r['core_patients_per_second']:,.0f} | {apart} |"
            )
    return lines


def write_into(page: Path, mark: str, lines: list[str]) -> None:
    """Puts lines between ``<!-- mark -->`` and ``<!-- end mark -->`` of a page."""
    text = page.read_text(encoding="utf-8")
    head, rest = text.split(f"<!-- {mark} -->", 1)
    tail = rest.split(f"<!-- end {mark} -->", 1)[1]
    body = "\n".join(["", *lines, ""])
    page.write_text(f"{head}<!-- {mark} -->\n{body}\n<!-- end {mark} -->{tail}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--page", type=Path, help="a Markdown page to write the tables into")
    options = parser.parse_args()
    result = json.loads(options.result.read_text())
    print("\n".join([*tables(result), "", *kernel_table(result), "", *card_table(result)]))
    if options.page:
        write_into(options.page, "speed", tables(result))
        write_into(options.page, "kernels", kernel_table(result))
        write_into(options.page, "card", card_table(result))


if __name__ == "__main__":
    main()

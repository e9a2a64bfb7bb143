"""How often the gate ships what it should not, and what it should: the gate's own code on simulated
receipts.

    python benchmarks/operating_characteristic.py [--gates 1000] [--quick] [--part
    table|facets|frauds|curves|looks|groups|partial]

Each gate is a guard of n prompts with K answers each beside a facet that gained beyond doubt, so
that the guard decides. Receipts are drawn for an adapter whose true difference from base is known,
seen through verifiers of a known J = sensitivity + specificity - 1, and judged by
``harness.deciding`` from validity to verdict. Certificates are as lucky as their bound allows:
without an error, on so few fixtures that J's lower bound is J itself; the audit of the strict
profile accepts none that would leave J under 0.82, that of the standard one none under 0.76.
Verifiers of J = 0.8 are audited anew for each gate, and nearly always refused. Rates come with
Wilson's 95 % interval. At K = 10 answers are steady (all ten alike: the
hardest case for a test) or sampled (prompts of Beta(1.2, 0.6) difficulty). The part ``groups`` has
prompts that come in copies, known to the plan or not; ``partial`` has gates that end where a
session would, with what was not asked missing."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from gates import judge, pair, plan, registration
from simulated_gates import AUDITED, CHEAP, Cell, Simulator, measured

from harness.content.policy import Looks, Policy
from harness.evidence.receipts import Receipt
from harness.evidence.registration import Registration
from harness.stats.intervals import wilson
from harness.stats.paired import tango_noninferiority
from harness.verdict import Name

PARTS = ["table", "facets", "frauds", "curves", "looks", "groups", "partial"]


def table_cells(quick: bool) -> Iterator[Cell]:
    """At the margin and unchanged, over discordance, prompts, samples, verifiers and profiles."""
    shapes = [
        (164, 1, "steady", 0.05),
        (542, 1, "steady", 0.03),
        (164, 10, "steady", 0.03),
        (542, 10, "steady", 0.03),
    ]
    for profile in ("standard", "strict"):
        for n, samples, answers, margin in shapes[: 1 if quick else None]:
            for youden in (1.0, 0.95, 0.82):
                for discordance in (0.02, 0.05, 0.1, 0.2, 0.3):
                    if discordance >= margin:
                        yield Cell(
                            n, samples, answers, margin, discordance, youden, -margin, profile
                        )
                    if profile == "standard":
                        yield Cell(n, samples, answers, margin, discordance, youden, 0.0, profile)
            yield Cell(n, samples, answers, margin, 0.1, AUDITED, -margin, profile)
        for n in () if quick else (164, 542):
            for youden in (1.0, 0.95, 0.82):
                for difference in (-0.03, 0.0):
                    yield Cell(n, 10, "sampled", 0.03, 0.0, youden, difference, profile)


def curve_cells() -> Iterator[tuple[str, Cell]]:
    """P(SHIP) against the true difference at a discordance of 10 %: one curve for each plan."""
    for points in range(-10, 5):
        for label, n, samples, youden, margin in (
            ("164 prompts, J = 1", 164, 1, 1.0, 0.05),
            ("164 prompts, J = 0.95", 164, 1, 0.95, 0.05),
            ("164 prompts, J = 0.82", 164, 1, 0.82, 0.05),
            ("542 prompts, J = 1", 542, 1, 1.0, 0.05),
        ):
            yield label, Cell(n, samples, "steady", margin, 0.1, youden, points / 100)


def frauds(gates: int, seed: int) -> Iterator[tuple[str, int, int]]:
    """``(fraud, ships without the rule against it, ships with it)`` for an adapter exactly at the
    margin."""
    simulator = Simulator(Cell(164, 1, "steady", 0.05, 0.1, 1.0, -0.05))
    plain, random = simulator.registration, np.random.default_rng(seed)
    order = [id for id, _ in plain.plans["guard"].cases]
    naive, gated = dict.fromkeys(FRAUDS, 0), dict.fromkeys(FRAUDS, 0)
    for _ in range(gates):
        draws = [simulator.draw(random) for _ in range(5)]
        rows = draws[0]
        parts = [
            [r for r in rows if r.suite == "facet" or r.case in set(order[:m])]
            for m in (41, 82, 123, 164)
        ]
        naive["peeking"] += any(holds(part, 0.05) for part in parts)
        gated["peeking"] += any(simulator.verdict(part) is Name.SHIP for part in parts)
        failed = {r.case for r in rows if r.arm == "adapter" and r.outcome == "fail"}
        kept = [r for r in rows if r.case not in failed]
        naive["dropping failed items"] += holds(kept, 0.05)
        gated["dropping failed items"] += simulator.verdict(kept) is Name.SHIP
        naive["best of five seeds"] += any(holds(each, 0.05) for each in draws)
        looks = [plain.model_copy(update={"look": m}) for m in range(1, 6)]
        gated["best of five seeds"] += any(
            simulator.verdict(each, look) is Name.SHIP
            for each, look in zip(draws, looks, strict=True)
        )
        wider = registration(
            [plan("guard", 164, "guard", margin=0.1, again=True), plan("facet", 40)], plain.policy
        )
        naive["doubling the margin"] += holds(rows, 0.1)
        gated["doubling the margin"] += (
            simulator.verdict(rows, wider, registered=plain) is Name.SHIP
        )
    for fraud in FRAUDS:
        yield fraud, naive[fraud], gated[fraud]


@dataclass(frozen=True)
class Family:
    """Facets beside a guard that holds: the true difference and discordance of each.

    The last ``secondary`` of them are secondary."""

    label: str
    truths: tuple[tuple[float, float], ...]
    n: int = 40
    gains: str = "one"
    profile: str = "standard"
    secondary: int = 0


SURE, BETTER, SAME, MARGIN = (0.6, 0.6), (0.25, 0.3), (0.0, 0.05), (-0.05, 0.1)
FAMILIES = [
    Family("20 facets, each +25 points", (BETTER,) * 20, gains="every"),
    Family("20 facets, each +25 points", (BETTER,) * 20),
    Family("3 facets, each +25 points", (BETTER,) * 3),
    Family("20 facets, none changed", (SAME,) * 20),
    Family("19 facets gain, one is at the margin", (SURE,) * 19 + (MARGIN,)),
    Family("a facet gains, one is at the margin", (SURE, MARGIN), 164),
    Family("a facet gains, one is at the margin", (SURE, MARGIN), 164, profile="strict"),
    Family("a facet gains, one did not change", (SURE, SAME), 164),
    Family("a secondary facet lost 10 points", (SURE, (-0.1, 0.15)), secondary=1),
    Family("a secondary facet is at the margin", (SURE, MARGIN), 164, secondary=1),
    Family("a secondary facet is at the margin", (SURE, MARGIN), 164, "one", "strict", 1),
    Family("a secondary facet did not change", (SURE, SAME), 164, secondary=1),
]


def family(asked: Family, gates: int, seed: int) -> int:
    """How many of ``gates`` gates ship."""
    names = [f"facet{number}" for number in range(len(asked.truths))]
    policy = Policy(
        profile=asked.profile,
        gains=asked.gains,
        secondary=names[len(names) - asked.secondary :],
        registered=False,
        **CHEAP,
    )
    plans = [plan("guard", 164, "guard"), *(plan(name, asked.n) for name in names)]
    found, random, ships = registration(plans, policy), np.random.default_rng(seed), 0
    guard = pair("guard", 164, 80, 0, 0)
    for _ in range(gates):
        rows = list(guard)
        for name, (difference, discordance) in zip(names, asked.truths, strict=True):
            chances = [(discordance + difference) / 2, (discordance - difference) / 2]
            gained, lost, same = random.multinomial(asked.n, [*chances, 1 - sum(chances)]).tolist()
            rows += pair(name, asked.n, same // 2, gained, lost)
        ships += judge(found, rows).verdict.name is Name.SHIP
    return ships


FRAUDS = ("peeking", "dropping failed items", "best of five seeds", "doubling the margin")


SPENDING: dict[str, dict[str, Any]] = {
    "harmonic": {},
    "harmonic, spend_first_look": {"spend_first_look": True},
    "equal, 5 expected": {"looks": Looks(plan="equal", expected=5)},
    "equal, 20 expected": {"looks": Looks(plan="equal", expected=20)},
}


def best_of(looks: int, gates: int, seed: int) -> Iterator[tuple[str, int]]:
    """By spending plan how many queues of so many revisions, all at the margin, ship one."""
    simulator = Simulator(Cell(164, 1, "steady", 0.05, 0.1, 1.0, -0.05))
    for name, spent in SPENDING.items():
        random = np.random.default_rng(seed)
        at = [at_look(simulator, number, spent) for number in range(1, looks + 1)]
        shipped = 0
        for _ in range(gates):
            names = [simulator.verdict(simulator.draw(random), found) for found in at]
            shipped += Name.SHIP in names
        yield name, shipped


def twentieth(gates: int, seed: int) -> Iterator[tuple[str, Cell, int]]:
    """How often the twentieth look ships an adapter that is truly unchanged."""
    for n, flips in itertools.product((164, 542), (0.02, 0.05, 0.1)):
        cell = Cell(n, 1, "steady", 0.05, flips, 1.0, 0.0)
        simulator = Simulator(cell)
        for name, spent in SPENDING.items():
            if name in ("harmonic", "equal, 20 expected"):
                found, random = at_look(simulator, 20, spent), np.random.default_rng(seed)
                names = [simulator.verdict(simulator.draw(random), found) for _ in range(gates)]
                yield name, cell, names.count(Name.SHIP)


def at_look(simulator: Simulator, number: int, spent: dict[str, Any]) -> Registration:
    """The registration of a simulator's gate as this look by this plan."""
    plain = simulator.registration
    policy = plain.policy.model_copy(update=spent)
    return plain.model_copy(update={"look": number, "policy": policy})


def holds(rows: list[Receipt], margin: float) -> bool:
    """What somebody finds who tests whatever receipts there are at 5 %."""
    passed = {(r.arm, r.case): r.outcome == "pass" for r in rows if r.suite == "guard"}
    leads = [passed["adapter", case] - did for (arm, case), did in passed.items() if arm == "base"]
    return tango_noninferiority(leads.count(1), leads.count(-1), len(leads), margin).p <= 0.05


def group_cells() -> Iterator[Cell]:
    """Guards at the margin of which each prompt comes in copies, counted as such or not."""
    for n, margin in ((164, 0.05), (400, 0.1)):
        for copies in (2, 4, 8):
            for grouped in (False, True):
                yield Cell(
                    n, 1, "steady", margin, margin, 1.0, -margin, copies=copies, grouped=grouped
                )


def partial_cells() -> Iterator[Cell]:
    """Unchanged adapters, one that is at the margin and one that lost twice of it."""
    for youden in (1.0, 0.95, 0.82):
        for discordance in (0.02, 0.05, 0.1, 0.2, 0.3):
            yield Cell(164, 1, "steady", 0.05, discordance, youden, 0.0)
    for difference in (-0.05, -0.1):
        yield Cell(164, 1, "steady", 0.05, 0.1, 1.0, difference)
    yield Cell(164, 10, "sampled", 0.03, 0.1, 1.0, 0.0)


def plotted(curves: dict[str, list[tuple[float, float, float, float]]], gates: int) -> str:
    """The curves as an SVG with intervals; x is the true difference in points, y the share of gates
    that ship."""
    left, top, width, height = 60, 20, 560, 300
    colours = ("#1f5fa8", "#4a9a6a", "#c2682b", "#7a4fa3")

    def x(points: float) -> float:
        return left + width * (points + 10) / 14

    def y(share: float) -> float:
        return top + height * (1 - share)

    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif"'
            ' font-size="12" role="img">'
        ),
        "<title>Share of gates that ship against the adapter's true difference from base</title>",
        '<rect width="640" height="400" fill="white"/>',
    ]
    for share in (0, 0.05, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(
            f'<line x1="{left}" x2="{left + width}" y1="{y(share):.1f}" y2="{y(share):.1f}"'
            ' stroke="#ddd"/>'
        )
        parts.append(
            f'<text x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        )
    for points in range(-10, 5, 2):
        parts.append(
            f'<text x="{x(points):.1f}" y="{top + height + 18}"'
            f' text-anchor="middle">{points:+d}</text>'
        )
    parts.append(
        f'<line x1="{x(-5):.1f}" x2="{x(-5):.1f}" y1="{top}" y2="{top + height}" stroke="#888"'
        ' stroke-dasharray="4"/>'
    )
    parts.append(f'<text x="{x(-5) - 4:.1f}" y="{top + 12}" text-anchor="end">margin</text>')
    for number, (label, points) in enumerate(curves.items()):
        colour = colours[number % len(colours)]
        line = " ".join(f"{x(at):.1f},{y(share):.1f}" for at, share, _, _ in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for at, _, low, high in points:
            parts.append(
                f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}"'
                f' stroke="{colour}"/>'
            )
        parts.append(
            f'<text x="{left + 12}" y="{top + 34 + 16 * number}" fill="{colour}">{label}</text>'
        )
    caption = (
        f"true difference in points; discordance 10 %, margin 5 points, {gates} gates a point, bars"
        " are 95 % intervals"
    )
    parts.append(
        f'<text x="{left + width / 2}" y="{top + height + 40}"'
        f' text-anchor="middle">{caption}</text>'
    )
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Print the table and the frauds, draw the curves; what is not at the margin gets a part of the
    gates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--gates", type=int, default=1000, help="gates of a row at the margin with K = 1"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="HumanEval's size only")
    parser.add_argument("--samples", type=int, help="only the rows with this K")
    parser.add_argument(
        "--profile", choices=["standard", "strict"], help="only the rows of this profile"
    )
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument(
        "--svg", type=Path, default=Path("operating-characteristic.svg"), help="where the curves go"
    )
    chosen = parser.parse_args()
    parts = [chosen.part] if chosen.part else PARTS
    if "table" in parts:
        print(
            "profile    n   K answers  margin  flips     J  truth    SHIP  95 %            gates  a"
            " minute"
        )
        for number, cell in enumerate(table_cells(chosen.quick)):
            if cell.samples == (chosen.samples or cell.samples) and cell.profile == (
                chosen.profile or cell.profile
            ):
                gates = chosen.gates // (
                    4 if cell.difference == 0 else 2 if cell.samples > 1 else 1
                )
                print(line(measured(cell, gates, chosen.seed + number)), flush=True)
    if "facets" in parts:
        for number, each in enumerate(FAMILIES):
            tried = chosen.gates // (5 if len(each.truths) > 5 else 1)
            shipped = wilson(ships := family(each, tried, chosen.seed + number), tried)
            print(
                f"{each.label}, {each.n} prompts ({each.profile}, gains: {each.gains}): ships"
                f" {ships / tried:.1%} [{shipped.low:.1%}, {shipped.high:.1%}] of {tried}",
                flush=True,
            )
    if "frauds" in parts:
        tried = chosen.gates // 3
        for name, naive, gated in frauds(tried, chosen.seed):
            print(
                f"{name}: ships {naive / tried:.1%} where nothing forbids it, {gated / tried:.1%}"
                " through the gate"
            )
    if "groups" in parts:
        for number, cell in enumerate(group_cells()):
            row = measured(cell, chosen.gates, chosen.seed + number)
            counted = "groups count once" if cell.grouped else "each counts"
            print(f"copies of {cell.copies}, {counted:<18} {line(row)}", flush=True)
    if "partial" in parts:
        for number, cell in enumerate(partial_cells()):
            tried = chosen.gates // (4 if cell.samples > 1 else 1)
            row = measured(cell, tried, chosen.seed + number, partial=True)
            shares = {name: f"{many / tried:.1%}" for name, many in row["verdicts"].items()}
            print(f"{line(row)}  {shares}", flush=True)
    if "looks" in parts:
        tried = chosen.gates // 2
        for name, shipped in best_of(5, tried, chosen.seed):
            print(f"best of five looks at the margin, {name}: ships {share(shipped, tried)}")
        for name, cell, shipped in twentieth(chosen.gates // 4, chosen.seed):
            print(
                f"twentieth look, {name}, {cell.n} prompts, flips {cell.discordance:.0%}: unchanged"
                f" ships {share(shipped, chosen.gates // 4)}"
            )
    if "curves" in parts:
        curves: dict[str, list[tuple[float, float, float, float]]] = {}
        for number, (label, cell) in enumerate(curve_cells()):
            row = measured(cell, chosen.gates // 3, chosen.seed + 1000 + number)
            curves.setdefault(label, []).append(
                (100 * cell.difference, row["ships"], row["low"], row["high"])
            )
        chosen.svg.parent.mkdir(parents=True, exist_ok=True)
        chosen.svg.write_text(plotted(curves, chosen.gates // 3), encoding="utf-8")
        print(f"curves: {chosen.svg}")


def share(ships: int, gates: int) -> str:
    """A rate with its 95 % interval."""
    found = wilson(ships, gates)
    return f"{ships / gates:.1%} [{found.low:.1%}, {found.high:.1%}]"


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"{row['profile']:<9}{row['n']:>4}{row['samples']:>4}"
        f" {row['answers']:<8}{row['margin']:>7.0%}{row['discordance']:>7.0%}{row['youden']:>6g}"
        f"{row['difference']:>+7.0%}{row['ships']:>8.2%}"
        f"  {row['low']:6.2%} - {row['high']:6.2%} {row['gates']:>6}{row['gates_a_minute']:>10}"
    )


if __name__ == "__main__":
    main()

"""Médecins traitants attributed: every solver at the sizes where it finishes, each in a process of its
own, on fictitious territories: towns, people around them, the 30 nearest doctors within 40 km.

Two objectives. The first is that of the size bench: hundreds of metres and a little age, leaving
somebody out costs 300 to 1200 by priority; gap = (value - bound) / bound. The second is the product's
rule: class after class, then travel and load. MAILLAGE_ATTRIBUTION=full adds 100 000 x 5 000 and
1 000 000 x 50 000; ATTRIBUTION_SEEDS (3), ATTRIBUTION_SIZES (such as 1000x100, the largest alone with
1000000x50000) and ATTRIBUTION_FILLS (0.95,0.8,1.2) make it shorter.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx
import numpy as np
from scipy import optimize, sparse, spatial

from bench import Report
from maillage.compute import assignment, auction, reassignment
from maillage.compute.compiled import compiled

NAME = "attribution"
SIZES = ((1_000, 100), (10_000, 500))
LARGE = ((100_000, 5_000), (1_000_000, 50_000))
SEEDS = int(os.environ.get("ATTRIBUTION_SEEDS", "3"))
# Places for one person; the goals hold at the first.
FILLS = tuple(map(float, os.environ.get("ATTRIBUTION_FILLS", "0.95,0.8,1.2").split(",")))
ARCS, WITHIN_KM, MINUTES_A_KM = 30, 40.0, 1.2
OUT = np.array([1200, 900, 600, 300])  # by priority
WEIGHTS = assignment.AssignmentWeights()
REFUSALS, COMPARED = 15, 3
ROOT = Path(__file__).resolve().parents[1]


# The territory.


def territory(n: int, m: int, fill: float, seed: int) -> dict[str, np.ndarray]:
    """As many people a square kilometre at every size; big towns and small ones."""
    rng = np.random.default_rng(seed)
    side, towns = np.sqrt(n / 1e6) * 900 + 60, max(8, n // 700)
    where, share = rng.random((towns, 2)) * side, rng.pareto(1.1, towns) + 0.2
    served = share * rng.lognormal(0, 0.8, towns)  # doctors do not follow people
    people = where[rng.choice(towns, n, p=share / share.sum())] + rng.normal(0, 2.5, (n, 2))
    doctors = where[rng.choice(towns, m, p=served / served.sum())] + rng.normal(0, 1.5, (m, 2))
    km, near = spatial.cKDTree(doctors).query(
        people, k=min(ARCS, m), distance_upper_bound=WITHIN_KM
    )
    is_near = np.isfinite(km)
    return {
        "patient": np.repeat(np.arange(n), is_near.sum(axis=1)),
        "doctor": near[is_near].astype(np.int64),
        "km": km[is_near],
        "capacity": rng.multinomial(round(n * fill), rng.dirichlet(np.full(m, 4.0))),
        "priority": rng.integers(0, 4, n),
        "age": rng.integers(0, 4, n),
        "is_heavy": rng.random(n) < 0.25,
        "load": rng.integers(0, 5, m),
        "heavy_load": rng.integers(0, 3, m),
    }


class Case:
    """One territory, as both objectives take it."""

    def __init__(self, data: Any) -> None:
        columns = ("priority", "is_heavy", "capacity", "load", "heavy_load")
        self.demand = assignment.Demand(**{name: data[name] for name in columns})
        km = data["km"]
        self.pairs = assignment.Pairs(data["patient"], data["doctor"], km * MINUTES_A_KM)
        self.costs = np.rint(km * 10).astype(np.int64) + 7 * data["age"][data["patient"]]
        self.out = OUT[self.demand.priority].astype(np.int64)

    def value(self, rows: np.ndarray) -> int:
        """Of the first objective; checks that the rows are an attribution."""
        who, at = self.pairs.patient[rows], self.pairs.doctor[rows]
        assert np.unique(who).size == who.size, "somebody twice"
        used = np.bincount(at, minlength=self.demand.capacity.size)
        assert (used <= self.demand.capacity).all(), "a doctor over capacity"
        return int(self.costs[rows].sum() + self.out.sum() - self.out[who].sum())


# Solvers of the first objective: rows of the pairs, and the bound they prove, if any.

Answer = tuple[np.ndarray, float | None]


def flow(case: Case) -> Answer:
    return assignment.least_cost(case.demand, case.pairs, case.costs, case.out, (0, 0)), None


def bids(goal: float) -> Callable[[Case], Answer]:
    def run(case: Case) -> Answer:
        found = auction.auction(
            case.demand, case.pairs, case.costs, case.out, (0, 0),
            lambda each: each.cost - each.cost_at_least <= goal * each.cost_at_least,
        )  # fmt: skip
        return found.pair[found.pair >= 0], found.cost_at_least

    return run


def scipy_sparse(case: Case) -> Answer:
    """Each place a column of its own, and one more column a person, to be left out."""
    capacity = case.demand.capacity
    copies = capacity[case.pairs.doctor]
    arc = np.repeat(np.arange(copies.size), copies)
    first = np.cumsum(capacity) - capacity
    nth = np.arange(arc.size) - np.repeat(np.cumsum(copies) - copies, copies)
    n, places = case.out.size, int(capacity.sum())
    row = np.append(case.pairs.patient[arc], np.arange(n))
    column = np.append(first[case.pairs.doctor[arc]] + nth, places + np.arange(n))
    cost = np.append(case.costs[arc], case.out) + 1  # zero would be no arc
    graph = sparse.csr_array((cost, (row, column)), shape=(n, places + n))
    who, place = sparse.csgraph.min_weight_full_bipartite_matching(graph)
    held = place < places
    doctor = np.repeat(np.arange(capacity.size), capacity)[place[held]]
    m = capacity.size
    keys = case.pairs.patient * m + case.pairs.doctor
    order = np.argsort(keys)
    return order[np.searchsorted(keys, who[held] * m + doctor, sorter=order)], None


def highs(case: Case) -> Answer:
    size, n, m = case.costs.size, case.out.size, case.demand.capacity.size
    ones, arcs = np.ones(size), np.arange(size)
    limits = sparse.vstack([
        sparse.csr_array((ones, (case.pairs.patient, arcs)), shape=(n, size)),
        sparse.csr_array((ones, (case.pairs.doctor, arcs)), shape=(m, size)),
    ])  # fmt: skip
    most = np.append(np.ones(n), case.demand.capacity)
    gain = case.costs - case.out[case.pairs.patient]
    done = optimize.linprog(gain, A_ub=limits, b_ub=most, bounds=(0, 1), method="highs")
    return np.flatnonzero(done.x > 0.5), None


def network_x(case: Case) -> Answer:
    n, m = case.out.size, case.demand.capacity.size
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(n), demand=-1)
    graph.add_node(n + m, demand=n)
    for i, j, cost in zip(case.pairs.patient, case.pairs.doctor, case.costs, strict=True):
        graph.add_edge(int(i), n + int(j), weight=int(cost), capacity=1)
    for i, cost in enumerate(case.out):
        graph.add_edge(i, n + m, weight=int(cost), capacity=1)
    for j, places in enumerate(case.demand.capacity):
        graph.add_edge(n + j, n + m, weight=0, capacity=int(places))
    _, found = networkx.network_simplex(graph)
    taken = [
        found[int(i)][n + int(j)]
        for i, j in zip(case.pairs.patient, case.pairs.doctor, strict=True)
    ]
    return np.flatnonzero(taken), None


def greedy(case: Case) -> Answer:
    """By priority, then the cheapest place that is left."""
    order = np.lexsort((case.costs, case.pairs.patient))
    start = np.searchsorted(case.pairs.patient[order], np.arange(case.out.size + 1))
    served = np.argsort(case.demand.priority, kind="stable")
    free = case.demand.capacity.copy()
    return _taken(served, order, start, case.pairs.doctor, case.costs, case.out, free), None


@compiled
def _taken(
    served: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
    doctor: np.ndarray,
    costs: np.ndarray,
    out: np.ndarray,
    free: np.ndarray,
) -> np.ndarray:
    rows, size = np.empty(served.size, np.int64), 0
    for i in served:
        for row in order[start[i] : start[i + 1]]:
            if free[doctor[row]] > 0 and costs[row] < out[i]:
                free[doctor[row]] -= 1
                rows[size] = row
                size += 1
                break
    return rows[:size]


SOLVERS: dict[str, tuple[Callable[[Case], Answer], int]] = {  # and the most people it is given
    "OR-Tools flow": (flow, 1_000_000),
    "bids to 0.5 %": (bids(0.005), 1_000_000),
    "bids to 0.2 %": (bids(0.002), 1_000_000),
    "greedy": (greedy, 1_000_000),
    "SciPy sparse": (scipy_sparse, 10_000),
    "HiGHS": (highs, 10_000),
    "NetworkX": (network_x, 1_000),
}
SLOW = {"SciPy sparse", "HiGHS", "NetworkX"}


# One measure, in a process of its own.


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function: Callable[[], Any], runs: int) -> tuple[Any, dict[str, float]]:
    """The answer; wall and processor time (medians), and memory above what the territory takes."""
    before, walls, cpus = peak_mb(), [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    figures = {"wall": statistics.median(walls), "cpu": statistics.median(cpus)}
    return answer, figures | {"mb": peak_mb() - before, "whole_mb": peak_mb()}


def measure_solver(case: Case, name: str) -> dict[str, Any]:
    solver, n = SOLVERS[name][0], case.out.size
    solver(Case(territory(40, 8, 0.9, 1)))  # compiled and imported before the clock starts
    runs = 1 if n > 10_000 or (name in SLOW and n > 1_000) else 5
    (rows, bound), figures = timed(lambda: solver(case), runs)
    return figures | {"value": case.value(rows), "bound": bound}


def measure_rule(case: Case, name: str) -> dict[str, Any]:
    """The product's rule, exactly or by bids."""
    n = case.out.size
    small = Case(territory(40, 8, 0.9, 1))
    runs = 1 if n > 10_000 else 5
    if name == "exact":
        assignment.solve(small.demand, small.pairs, WEIGHTS)
        found, figures = timed(lambda: assignment.solve(case.demand, case.pairs, WEIGHTS), runs)
        return figures | {"placed": found.placed.cumsum().tolist(), "cost": found.cost}
    goal = 0.005 if n > 100_000 else 0.002
    auction.approximate(small.demand, small.pairs, WEIGHTS)
    near, figures = timed(
        lambda: auction.approximate(case.demand, case.pairs, WEIGHTS, goal=goal), runs
    )
    return figures | {
        "placed": near.assignment.placed.cumsum().tolist(),
        "most": near.placed_at_most.tolist(),
        "cost": near.assignment.cost,
        "bound": near.cost_at_least,
        "gap": near.gap,
    }


def measure_refusals(case: Case, _: str) -> dict[str, Any]:
    """One refusal after the exact answer; some compared with a full solve of the same rule."""
    demand, pairs = case.demand, case.pairs
    before = assignment.solve(demand, pairs, WEIGHTS).pair
    rng, walls, full = np.random.default_rng(1), [], []
    for turn, who in enumerate(rng.choice(np.flatnonzero(before >= 0), REFUSALS + 1)):
        allowed = np.ones(pairs.patient.size, bool)
        allowed[before[who]] = False
        begin = time.perf_counter()
        change = reassignment.change_of(demand, pairs, WEIGHTS, before=before, allowed=allowed)
        walls.append(time.perf_counter() - begin)
        if turn < COMPARED:
            begin = time.perf_counter()
            placed, moved, cost = solved_again(case, before, allowed)
            full.append(time.perf_counter() - begin)
            assert placed == change.after.placed.tolist(), "another number by class"
            assert moved == change.moved.size, "another number of changes"
            assert abs(cost - change.after.cost) < 1e-6, "another cost"
    _, *rest = walls  # the first warms up
    return {"wall": statistics.median(rest), "worst": max(rest), "full": statistics.median(full)}


def solved_again(
    case: Case, before: np.ndarray, allowed: np.ndarray
) -> tuple[list[int], int, float]:
    """Classes, fewest changes, cost, by one flow: a change costs more than all travel. Somebody placed
    who was left out counts twice: for themselves, and for whoever is left out in their stead."""
    pairs, rows = case.pairs, np.flatnonzero(allowed)
    was = before[pairs.patient[rows]]
    minutes = pairs.minutes[rows] + 1e5 * np.where(was == rows, 0, np.where(was >= 0, 1, 2))
    again = assignment.solve(
        case.demand, assignment.Pairs(pairs.patient[rows], pairs.doctor[rows], minutes), WEIGHTS
    )
    pair = np.where(again.pair >= 0, rows[again.pair], assignment.NOBODY)
    cost = assignment.cost_of(case.demand, pairs, WEIGHTS, pair) / assignment.TENTHS
    return again.placed.tolist(), int((pair != before).sum()), cost


MEASURES = {"solver": measure_solver, "rule": measure_rule, "refusals": measure_refusals}


def child(path: Path, measure: str, name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.attribution", str(path), measure, name],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


# The report.


def sizes() -> list[tuple[int, int]]:
    chosen = os.environ.get("ATTRIBUTION_SIZES")
    if chosen:
        return [(int(n), int(m)) for n, m in (each.split("x") for each in chosen.split(","))]
    return [*SIZES, *(LARGE if os.environ.get("MAILLAGE_ATTRIBUTION") == "full" else ())]


def report_solvers(report: Report, path: Path, label: str, n: int, is_first: bool) -> None:
    found = {
        name: child(path, "solver", name)
        for name, (_, most) in SOLVERS.items()
        if n <= most and (is_first or name not in SLOW or n <= 1_000)
    }
    exact = found["OR-Tools flow"]
    for name in sorted(SLOW & found.keys()):
        assert found[name]["value"] == exact["value"], f"{name} finds another optimum"
        for what, told in (("wall", ""), ("cpu", ", processor")):
            ours, theirs = exact[what], found[name][what]
            report.figure(f"{label}, OR-Tools flow{told}", ours, "s", name, theirs)
    for name, each in found.items():
        is_fast = name not in SLOW | {"OR-Tools flow"}
        peer = ("OR-Tools flow", exact["wall"]) if is_fast else (None, None)
        report.figure(f"{label}, {name}", each["wall"], "s", *peer)
        report.figure(f"{label}, {name}, processor", each["cpu"], "s")
        report.figure(f"{label}, {name}, memory above the territory", each["mb"], "MB")
        report.figure(f"{label}, {name}, memory of the process", each["whole_mb"], "MB")
        if is_fast:
            true = (each["value"] - exact["value"]) / exact["value"]
            report.figure(f"{label}, {name}, above the optimum", 100 * true, "%")
        if each["bound"] is not None:
            assert each["bound"] <= exact["value"] + 1e-6, "a false bound"
            gap = (each["value"] - each["bound"]) / each["bound"]
            report.figure(f"{label}, {name}, certified gap", 100 * gap, "%")


def report_rule(report: Report, path: Path, label: str, n: int) -> None:
    label = f"{label}, classes and load"
    near = child(path, "rule", "bids")
    peer: tuple[str | None, float | None] = (None, None)
    if n <= 100_000:
        exact = child(path, "rule", "exact")
        report.figure(f"{label}, exact", exact["wall"], "s")
        report.figure(f"{label}, exact, processor", exact["cpu"], "s")
        report.figure(f"{label}, exact, memory above the territory", exact["mb"], "MB")
        report.figure(f"{label}, exact, memory of the process", exact["whole_mb"], "MB")
        assert all(a <= b for a, b in zip(exact["placed"], near["most"], strict=True))
        if exact["placed"] == near["placed"]:
            assert near["bound"] <= exact["cost"] + 1e-6 <= near["cost"] + 2e-6
        peer = ("exact", exact["wall"])
    report.figure(f"{label}, bids", near["wall"], "s", *peer)
    report.figure(f"{label}, bids, processor", near["cpu"], "s")
    report.figure(f"{label}, bids, certified gap", 100 * near["gap"], "%")
    report.figure(f"{label}, bids, memory of the process", near["whole_mb"], "MB")
    for c, (placed, most) in enumerate(zip(near["placed"], near["most"], strict=True)):
        report.figure(f"{label}, bids, classes 0 to {c} placed", placed, "people", "at most", most)


def run(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-attribution-") as folder:
        path = Path(folder) / "territory.npz"
        for n, m in sizes():
            seeds = range(1, (SEEDS if n <= 100_000 else 1) + 1)
            for fill, seed in [(FILLS[0], seed) for seed in seeds] + [(f, 1) for f in FILLS[1:]]:
                np.savez(path, **territory(n, m, fill, seed))
                label = f"{n} x {m}, {fill:.0%}, seed {seed}"
                is_first = (fill, seed) == (FILLS[0], 1)
                report_solvers(report, path, label, n, is_first)
                report_rule(report, path, label, n)
                if is_first and n == 10_000:
                    each = child(path, "refusals", "")
                    report.figure(
                        f"{label}, one refusal, median", 1000 * each["wall"], "ms",
                        "full solve", 1000 * each["full"],
                    )  # fmt: skip
                    report.figure(f"{label}, one refusal, worst", 1000 * each["worst"], "ms")


if __name__ == "__main__":
    with np.load(sys.argv[1]) as data:
        loaded = Case(data)
    print(json.dumps(MEASURES[sys.argv[2]](loaded, sys.argv[3])))

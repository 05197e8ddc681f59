"""Figures of the product beside a peer: `make bench`, or `make bench ONLY=name` for one.

A module of this folder is a bench: it has a `NAME` (its own) and a `run(report)`. Here: where the
figures go, and how a run is timed.
"""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROW = "{:<10} {:<58} {:>10} {:<8} {:<28} {:>10} {:>8}"


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one function over its runs."""

    median_ms: float
    p95_ms: float


@dataclass(slots=True)
class Report:
    """Prints each figure as a row and appends it as one JSON line to `path`."""

    path: Path
    commit: str
    bench: str = ""

    def header(self) -> None:
        print(ROW.format("bench", "figure", "value", "unit", "peer", "peer value", "ratio"))

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        peer: str | None = None,
        peer_value: float | None = None,
    ) -> None:
        """`ratio` is peer_value / value: how many times less of the unit than the peer."""
        if (peer is None) != (peer_value is None):
            raise ValueError("peer and peer_value go together")
        ratio = None if peer_value is None or not value else peer_value / value
        line = {
            "bench": self.bench,
            "figure": name,
            "value": _short(value),
            "unit": unit,
            "peer": peer,
            "peer_value": _short(peer_value),
            "ratio": _short(ratio),
            "commit": self.commit,
        }
        shown = ["" if cell is None else str(cell) for cell in line.values()]
        print(ROW.format(*shown[:7]), flush=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _short(number: float | None) -> float | int | None:
    """Four significant digits; whole numbers stay whole."""
    if number is None or isinstance(number, int):
        return number
    return float(f"{number:.4g}")


def alternated(functions: Sequence[Callable[[], object]], *, runs: int) -> list[Timing]:
    """Wall time of each function, run in turn so that a busy moment falls on all; one warm-up."""
    taken: list[list[float]] = [[] for _ in functions]
    for turn in range(runs + 1):
        for function, times in zip(functions, taken, strict=True):
            begin = time.perf_counter()
            function()
            if turn:
                times.append((time.perf_counter() - begin) * 1000)
    return [
        Timing(
            median_ms=statistics.median(times),
            p95_ms=statistics.quantiles(times, n=20, method="inclusive")[-1],
        )
        for times in taken
    ]


def commit_name(folder: Path) -> str:
    """Short hash of the code measured, "-dirty" when the tree differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("-dirty" if git("status", "-s") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

"""`make bench` writes each figure as one line of JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_bench(*arguments, var):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=os.environ | {"VAR": str(var), "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )


def test_a_bench_prints_and_keeps_its_figures(tmp_path):
    done = run_bench("ranking", var=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert len(done.stdout.splitlines()) == len(lines) + 1
    for line in lines:
        assert list(line) == [
            "bench", "figure", "value", "unit", "peer", "peer_value", "ratio", "commit",
        ]  # fmt: skip
        assert line["bench"] == "ranking"
        assert (line["peer"] is None) == (line["peer_value"] is None) == (line["ratio"] is None)
    assert lines[0]["value"] == 336_000


def test_an_unknown_bench_is_refused_with_the_names(tmp_path):
    done = run_bench("nothing", var=tmp_path)
    assert done.returncode == 2
    assert "nothing" in done.stderr
    assert "ranking" in done.stderr
    assert not (tmp_path / "bench.jsonl").exists()

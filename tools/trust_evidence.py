"""The page of docs/security that says what the last `make trust` showed, from the lines it left."""

import json
import platform
import sys
from datetime import date
from pathlib import Path

HEAD = """# Evidence

What the last whole run of `make trust` showed ({on}, Python {python}). Each line is written by a test
of `tests/trust` once it has passed; the goals are those of the threat model.

| goal | what was tried | figure | engine |
|---|---|---|---|"""


def main(path: str) -> None:
    lines = {
        (each["goal"], each["what"], each["engine"]): each["figure"]
        for each in map(json.loads, Path(path).read_text("utf-8").splitlines())
    }
    print(HEAD.format(on=date.today().isoformat(), python=platform.python_version()))  # noqa: DTZ011
    for (goal, what, engine), figure in sorted(lines.items(), key=order):
        print(f"| {goal} | {what} | {figure} | {engine} |")


def order(line: tuple) -> tuple:
    goal, *rest = line[0]
    return goal[0], int(goal[1:]), rest


if __name__ == "__main__":
    main(sys.argv[1])

"""`python -m bench [NAME]`: runs every bench, or the one named."""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

import bench
from bench import Report, commit_name


def main(arguments: list[str]) -> int:
    if len(arguments) > 1:
        print("usage: python -m bench [NAME]", file=sys.stderr)
        return 2
    names = sorted(info.name for info in pkgutil.iter_modules(bench.__path__))
    names.remove("__main__")
    for wrong in set(arguments) - set(names):
        print(f"no bench is named {wrong}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    report = Report(
        path=Path(os.environ.get("VAR") or "var") / "bench.jsonl",
        commit=commit_name(Path(__file__).resolve().parent),
    )
    report.header()
    for name in arguments or names:
        # Imported one at a time: a bench is not stopped by what another one needs.
        module = importlib.import_module(f"bench.{name}")
        report.bench = module.NAME
        module.run(report)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

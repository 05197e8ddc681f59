"""The console command `maillage`: a thin layer over management commands."""

import os
import sys

from django.core.management import execute_from_command_line

# Two words on the command line, one management command: `maillage reference load DIR`.
PAIRS = {
    ("reference", "load"): "reference_load",
    ("reference", "fetch"): "reference_fetch",
    ("travel", "load"): "travel_load",
    ("travel", "fetch"): "travel_fetch",
    ("structures", "load"): "structures_load",
    ("cpts", "open"): "cpts_open",
    ("cpts", "close"): "cpts_close",
    ("account", "recover"): "account_recover",
    ("rights", "export"): "rights_export",
    ("doctor_requests", "load"): "doctor_requests_load",
    ("doctor_requests", "watch"): "doctor_requests_watch",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    argv = sys.argv
    command = PAIRS.get(tuple(argv[1:3]))
    if command:
        argv = [argv[0], command, *argv[3:]]
    try:
        execute_from_command_line(argv)
    except KeyboardInterrupt:  # Ctrl-C during a load: it stops, and is played again next time
        sys.exit(130)


if __name__ == "__main__":
    main()

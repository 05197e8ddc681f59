"""Functions compiled at their first call."""

import os
import subprocess
import sys

import numpy as np

from maillage.compute.compiled import compiled


def test_machine_code_answers_as_python_does():
    def total(numbers):
        found = 0
        for each in numbers:
            found += each
        return found

    assert compiled(total)(np.arange(5)) == total(np.arange(5)) == 10


def test_where_no_folder_can_be_written_it_is_compiled_for_the_process():
    """A function that has no file has no folder either."""
    made = {}
    exec("def twice(number):\n    return 2 * number", made)
    assert compiled(made["twice"])(21) == 42


def test_no_page_brings_numba():
    """What serves the pages starts without it: an import of the largest sizes only would be seen."""
    asked = "import django, sys; django.setup(); import maillage.config.urls; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "maillage.config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"

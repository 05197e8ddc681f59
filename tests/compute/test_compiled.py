"""Functions compiled at their first call."""

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

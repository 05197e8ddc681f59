"""The house plan, checked on the whole tree. Imports are import-linter's; this file checks the rest."""

import ast
import inspect
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from maillage.home.management.commands.states import DRAWN
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.models import AGREEMENT, NATIONAL, OF_CPTS, TECHNICAL, JournalLine
from maillage.kernel.permissions import Permission
from maillage.kernel.retention import undeclared

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "maillage"
MODULES = sorted(path for path in SRC.rglob("*.py") if "migrations" not in path.parts)
NAMES = [str(path.relative_to(SRC)) for path in MODULES]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in MODULES}
WRITES = {
    *("save", "delete", "create", "update", "get_or_create", "update_or_create"),
    *("bulk_create", "bulk_update", "aupdate", "acreate", "asave", "adelete"),
}
# The kernel's own writers: the journal, the pulse, what a database is, the seals.
BARS = {"bar", "bars", "digest"}  # their `update` writes no row
WRITERS = {"kernel/journal.py", "kernel/pulse.py", "kernel/instance.py", "kernel/sealing.py"}
MODELS = [model for model in apps.get_models() if model.__module__.startswith("maillage.")]
CLASSES = {NATIONAL, OF_CPTS, AGREEMENT, TECHNICAL}


def code_lines(path):
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_module_is_short(path):
    assert code_lines(path) <= 400


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_functions_are_short_and_imports_on_top(path):
    for node in functions(TREES[path]):
        assert node.end_lineno - node.lineno < 50, node.name
        inside = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not inside, node.name


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_relative_import_and_no_signal(path):
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert "signals" not in (node.module or "").split(".")
        if isinstance(node, ast.Name):
            assert node.id not in {"GenericForeignKey", "receiver"}


def is_writer(name):
    parts = Path(name).parts
    return name in WRITERS or "actions.py" in parts or "actions" in parts


def writes(tree):
    """Calls of a manager's or a row's writing methods; sets and dictionaries are not rows."""
    return [
        f"{node.func.attr}, line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITES
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id in BARS)
    ]


@pytest.mark.parametrize("name", [n for n in NAMES if not is_writer(n)])
def test_only_actions_write(name):
    assert not writes(TREES[SRC / name])


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_edges_stay_home(path):
    """A page and its form belong to one app; the demonstration tells its stories above them all."""
    app = path.relative_to(SRC).parts[0]
    for node in ast.walk(TREES[path]):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("maillage."):
            continue
        targets = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for owner, role in (t.split(".")[1:3] for t in targets if t.count(".") >= 2):
            assert role != "views" or owner in {app, "home"}, targets
            assert role != "forms" or owner == app or app == "demo", targets


def public_actions():
    """Every verb an app offers: what its `actions` exports and the demonstration calls."""
    for app in sorted(
        {path.parent.name for path in SRC.glob("*/actions.py")}
        | {path.parents[1].name for path in SRC.glob("*/actions/__init__.py")}
    ):
        module = import_module(f"maillage.{app}.actions")
        offered = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in offered:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield pytest.param(app, name, value, id=f"{app}.{name}")


# One transaction for each batch of these, said in their docstrings: a whole country, a whole horizon.
BY_BATCH = {"load_reference", "load_structures", "load_travel", "purge", "roll_horizon"}
# Values, not verbs: they write nothing.
NOT_VERBS = {"fictitious_rpps"}


@pytest.mark.parametrize(("app", "name", "action"), list(public_actions()))
def test_actions_are_keyword_only_named_by_their_author_and_atomic(app, name, action):
    if name in NOT_VERBS:
        return
    parameters = list(inspect.signature(action).parameters.values())
    assert parameters[0].name == "by"
    named = {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    assert all(each.kind in named for each in parameters)
    assert inspect.getdoc(action), "says what it does and raises"
    if name not in BY_BATCH:
        # `transaction.atomic` wraps the function: the wrapper remembers it.
        assert hasattr(action, "__wrapped__"), "not atomic"


@pytest.mark.parametrize("name", DRAWN)
def test_every_status_has_its_exits(name):
    _, states, table = DRAWN[name]
    assert set(table) == set(states)
    assert {target for targets in table.values() for target in targets} <= set(states)
    assert any(not targets for targets in table.values()), "nothing ends"


def test_the_drawings_of_states_are_up_to_date():
    call_command("states", ROOT / "docs" / "states", "--check", verbosity=0)


def test_every_table_of_transitions_is_drawn():
    named = {
        id(value)
        for path in SRC.glob("*/enums.py")
        for name, value in vars(import_module(f"maillage.{path.parent.name}.enums")).items()
        if name.endswith("TRANSITIONS")
    }
    assert named == {id(table) for _, _, table in DRAWN.values()}


# Tables


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_table_declares_its_tenancy(model):
    assert getattr(model, "tenancy", None) in CLASSES
    assert model.__doc__ and not model.__doc__.startswith(f"{model.__name__}(")


def test_every_table_says_how_long_its_rows_are_kept():
    assert undeclared() == []


def of_cpts():
    # The journal outlives what it speaks of: a plain number, no key (see its docstring).
    return [m for m in MODELS if m.tenancy == OF_CPTS and m is not JournalLine]


@pytest.mark.parametrize("model", of_cpts(), ids=lambda model: model._meta.label)
def test_a_table_of_a_cpts_has_its_column_and_its_pair(model):
    assert model._meta.get_field("cpts").related_model._meta.label == "territory.Cpts"
    pairs = [
        set(each.fields)
        for each in model._meta.constraints
        if isinstance(each, models.UniqueConstraint) and each.condition is None
    ]
    assert {"cpts", "id"} in pairs


def links():
    """Foreign keys from a table of a CPTS to a table that has the pair."""
    paired = {*of_cpts(), apps.get_model("availability", "Booking")}
    for model in of_cpts():
        for field in model._meta.concrete_fields:
            if field.is_relation and field.related_model in paired:
                yield pytest.param(model, field, id=f"{model._meta.label}.{field.name}")


@pytest.mark.parametrize(("model", "field"), list(links()))
def test_a_link_inside_a_cpts_is_held_by_the_database(model, field):
    held = {each.field for each in model._meta.constraints if isinstance(each, TenantForeignKey)}
    assert field.name in held


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_constraints_are_named_once_and_in_words(model):
    names = [each.name for each in model._meta.constraints]
    assert len(names) == len(set(names)) and all(name.islower() for name in names)


def test_permissions_are_ascii_words():
    assert all(permission.value.isidentifier() for permission in Permission)


def test_migrations_are_one_line_in_each_app():
    """A squash bears the number of the first it replaces, beside it."""
    for folder in SRC.glob("*/migrations"):
        moves = [path for path in folder.glob("[0-9]*.py") if "_squashed_" not in path.name]
        numbers = sorted(int(path.name[:4]) for path in moves)
        assert numbers[:1] == [1] and all(b == a + 1 for a, b in pairwise(numbers)), folder

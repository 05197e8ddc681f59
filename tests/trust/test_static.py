"""Rules of our own on the source: what must not be written, each shown to see its fault; and bandit,
whose findings were read one by one.

An exception is named with its reason: a new one is somebody's decision.
"""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.apps import apps

import maillage
from maillage.kernel.models import OF_CPTS
from trusted import evidence

PACKAGE = Path(maillage.__file__).parent
SOURCES = sorted(each for each in PACKAGE.rglob("*.py") if "migrations" not in each.parts)
PAGES = sorted([*PACKAGE.rglob("jinja2/**/*.html"), *PACKAGE.rglob("templates/**/*.html")])
OF_A_CPTS = {each.__name__ for each in apps.get_models() if getattr(each, "tenancy", "") == OF_CPTS}
HOLDS = {"visible_to", "in_cpts", "own_seats", "between", "within_relation"}

# (file, function): why it may.
ALLOWED = {
    "unscoped": {
        ("snp/views/answering.py", "fetch"): "an id just signed by us, or just found visible",
    },
    "markup": {
        ("config/jinja.py", "icon"): "our own words; the label is escaped by format",
        ("availability/forms/free.py", "render"): "every value goes through escape",
        ("snp/views/board_page.py", "_with_current"): "drawn by a template, which escapes",
        ("snp/views/board_page.py", "_ranked"): "drawn by a template, which escapes",
    },
    "own_table": {
        ("kernel/pages.py", "render_table"): "the one that tells texts from formulas",
    },
    "csrf_exempt": {
        ("snp/views/answering.py", "link"): "the signed token in the address authorises the act",
    },
}


def chain(node) -> list[str]:
    """The names of a call, from the last to the first: [get, select_related, objects, Proposal]."""
    found = []
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            found.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            return [*found, node.id]
        else:
            return found


def named(node, *names) -> bool:
    return isinstance(node, ast.Call) and chain(node)[:1] and chain(node)[0] in names


def unscoped(node) -> bool:
    """An object of a CPTS looked up by its id without `visible_to`."""
    if named(node, "get_object_or_404") and node.args:
        names = chain(node.args[0])
    elif named(node, "get", "filter"):
        if not {"pk", "id", "pk__in"} & {each.arg for each in node.keywords}:
            return False
        names = chain(node)
    else:
        return False
    whole = ast.unparse(node)
    return (
        bool(names) and names[-1] in OF_A_CPTS and not any(f".{each}(" in whole for each in HOLDS)
    )


def markup(node) -> bool:
    """HTML made of anything but a literal."""
    made = named(node, "mark_safe", "Markup", "SafeString")
    return made and not all(isinstance(each, ast.Constant) for each in node.args)


def raw(node) -> bool:
    """SQL of our own outside a literal."""
    made = named(node, "raw", "RawSQL") or (named(node, "extra") and "objects" in chain(node))
    return made and not (named(node, "RawSQL") and isinstance(node.args[0], ast.Constant))


def sql_with_values(node) -> bool:
    """A statement with a word of a request or of a form inside its text."""
    if not named(node, "execute", "executemany") or not node.args:
        return False
    return isinstance(node.args[0], ast.JoinedStr | ast.BinOp) and bool(
        re.search(r"request|cleaned_data|GET|POST", ast.unparse(node.args[0]))
    )


def csrf_exempt(node) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any("csrf_exempt" in ast.unparse(each) for each in decorators)


def order_by_asked(node) -> bool:
    return named(node, "order_by") and bool(
        re.search(r"\brequest\.(GET|POST)", " ".join(map(ast.unparse, node.args)))
    )


def naive_now(node) -> bool:
    whole = ast.unparse(node) if isinstance(node, ast.Call) else ""
    return bool(re.fullmatch(r"(dt|datetime)\.(datetime\.)?(now|utcnow|today)\(\)", whole))


def runs_text(node) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and (node.func.id in {"eval", "exec", "compile", "__import__"})
    )


def keyword(node, name, value) -> bool:
    return isinstance(node, ast.Call) and any(
        each.arg == name and isinstance(each.value, ast.Constant) and each.value.value is value
        for each in node.keywords
    )


def unverified(node) -> bool:
    return keyword(node, "verify", False) or named(node, "_create_unverified_context")


def shell(node) -> bool:
    return keyword(node, "shell", True) or (named(node, "system", "popen") and "os" in chain(node))


def unpickled(node) -> bool:
    return named(node, "loads", "load") and {"pickle", "marshal", "yaml"} & {*chain(node)}


def asked_redirect(node) -> bool:
    """A redirection to what the request says, as it says it."""
    return named(node, "redirect", "HttpResponseRedirect") and bool(
        re.search(r"request\.(GET|POST|META|headers)", " ".join(map(ast.unparse, node.args)))
    )


def own_table(node) -> bool:
    """A file for a spreadsheet written by hand: its cells could begin like formulas."""
    return named(node, "writer", "DictWriter") or (
        isinstance(node, ast.Constant)
        and str(node.value).startswith(("text/csv", "application/vnd"))
    )


RULES = {
    "unscoped": (unscoped, "Resident.objects.get(pk=pk)"),
    "markup": (markup, "Markup(f'<b>{name}</b>')"),
    "raw": (raw, "CareRequest.objects.raw('SELECT 1')"),
    "sql_with_values": (sql_with_values, "cursor.execute(f\"SELECT {request.GET['q']}\")"),
    "csrf_exempt": (csrf_exempt, "@csrf_exempt\ndef view(request): ..."),
    "order_by_asked": (order_by_asked, "rows.order_by(request.GET['tri'])"),
    "naive_now": (naive_now, "dt.datetime.now()"),
    "runs_text": (runs_text, "eval(text)"),
    "unverified": (unverified, "requests.get(url, verify=False)"),
    "shell": (shell, "subprocess.run(line, shell=True)"),
    "unpickled": (unpickled, "pickle.loads(body)"),
    "asked_redirect": (asked_redirect, "redirect(request.GET['next'])"),
    "own_table": (own_table, "csv.writer(response).writerows(rows)"),
}
EDGES = re.compile(r"(views|forms|fhir|admin)(\.py$|/)")  # where an id comes from outside


def seen(rule, tree):
    """(function, line) of each place the rule sees."""
    for outer in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]:
        inside = (
            ast.walk(outer) if isinstance(outer, ast.FunctionDef) else ast.iter_child_nodes(outer)
        )
        for node in inside:
            if rule(node):
                yield getattr(outer, "name", ""), node.lineno


@pytest.mark.parametrize("name", RULES)
def test_a_rule_sees_its_fault(name):
    rule, fault = RULES[name]
    assert any(rule(node) for node in ast.walk(ast.parse(fault)))


@pytest.mark.parametrize("name", RULES)
def test_the_source_keeps_the_rule(name):
    rule, _ = RULES[name]
    found = set()
    for file in SOURCES:
        where = file.relative_to(PACKAGE).as_posix()
        if name != "unscoped" or EDGES.search(where):
            tree = ast.parse(file.read_text("utf-8"))
            found |= {(where, function) for function, _ in seen(rule, tree) if function}
            assert not any(rule(node) for node in tree.body if not hasattr(node, "name")), where
    allowed = ALLOWED.get(name, {})
    assert found - allowed.keys() == set(), "not allowed here"
    assert allowed.keys() - found == set(), "allowed for nothing"
    evidence("S1", f"rule {name}: files read, 0 fault", len(SOURCES))


# What a page must not hold: the policy would stop it, or the engine would not escape it.
IN_PAGES = {
    "not escaped": (r"\|\s*safe\b|autoescape\s+(false|off)|mark_safe", "{{ note|safe }}"),
    "script in the page": (r"<script(?![^>]*\bsrc=)[^>]*>", "<script>run()</script>"),
    "event in the page": (r"\son[a-z]+\s*=\s*[\"']", '<a onclick="run()">'),
    "style in the page": (r"\sstyle\s*=\s*[\"']|<style", '<p style="color:red">'),
    "address that runs": (
        r"(href|src|action)\s*=\s*[\"']\s*javascript:",
        '<a href="javascript:1">',
    ),
    "attribute without quotes": (
        r"\s(href|src|action|value|title|alt)=\{\{",
        "<a href={{ url }}>",
    ),
    "file of somebody else": (
        r"(src|href)\s*=\s*[\"']https?://(?!localhost)",
        '<img src="https://x">',
    ),
}


@pytest.mark.parametrize("name", IN_PAGES)
def test_a_page_keeps_the_rule(name):
    pattern, fault = IN_PAGES[name]
    assert re.search(pattern, fault)
    found = {}
    for file in PAGES:
        text = (
            re.sub(r"<a\b[^>]*>", "", file.read_text("utf-8"))
            if "somebody" in name
            else (file.read_text("utf-8"))
        )
        if re.search(pattern, text):
            found[file.relative_to(PACKAGE).as_posix()] = re.search(pattern, text)[0]
    assert found == {}


# Findings of bandit, medium and above, read one by one: (file, rule) -> how many, and why they stay.
READ = {
    ("availability/forms/free.py", "B704"): (1, "every value goes through escape"),
    ("config/jinja.py", "B704"): (1, "our own words; the label is escaped by format"),
    ("config/jinja.py", "B701"): (2, "Django's engine asks for autoescape in `options`"),
    ("snp/views/board_page.py", "B704"): (2, "drawn by templates, which escape"),
    ("availability/queries/search.py", "B608"): (2, "only our own words inside; values apart"),
    ("territory/actions/travel.py", "B608"): (2, "only our own words inside; values apart"),
    ("kernel/backup.py", "B608"): (2, "names of our own tables"),
    ("kernel/row_security.py", "B608"): (1, "names of our own tables"),
    ("kernel/sealing.py", "B608"): (2, "names of our own tables; values apart"),
    ("config/login.py", "B104"): (1, "what stands for an address that is not known, never bound"),
    ("home/management/commands/serve.py", "B104"): (2, "compared with, never bound to by default"),
    ("territory/gateway/http.py", "B310"): (1, "addresses of the settings, http and https"),
}


def bandit(*paths) -> Counter:
    """(file, rule) of each finding, medium and above."""
    command = [sys.executable, "-m", "bandit", "-q", "-r", "-ll", "-f", "json", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in {0, 1}, done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == []
    return Counter(
        (Path(each["filename"]).relative_to(paths[0]).as_posix(), each["test_id"])
        for each in found["results"]
    )


needs_bandit = pytest.mark.skipif(
    importlib.util.find_spec("bandit") is None, reason="bandit is not installed"
)


@needs_bandit
def test_bandit_finds_nothing_that_was_not_read():
    found = bandit(PACKAGE)
    unread = {each: n for each, n in found.items() if n > READ.get(each, (0,))[0]}
    assert unread == {}
    assert {each for each, (n, _) in READ.items() if found[each] < n} == set(), "read for nothing"
    evidence("S1", "findings of bandit, medium and above, not read and explained", len(unread))
    evidence("S1", "findings of bandit read and explained", sum(found.values()))


@needs_bandit
def test_bandit_sees_a_fault(tmp_path):
    (tmp_path / "seeded.py").write_text("import subprocess\nsubprocess.run(input(), shell=True)\n")
    assert sum(bandit(tmp_path).values()) >= 1

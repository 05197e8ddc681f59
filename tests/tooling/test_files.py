"""What a fresh clone relies on: locks without an address, templates that keep to the policy."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.txt"))


def pins(lock):
    return dict(re.findall(r"^([\w.-]+)==(\S+)(?: ;.*)? \\$", lock.read_text(), re.M))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_holds_hashes_and_no_address(lock):
    text = lock.read_text()
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert len(requirements) > 20
    for requirement in requirements:
        assert re.match(r"[\w.-]+==\S+ ", requirement)
        assert "--hash=sha256:" in requirement


def test_the_two_locks_agree():
    run, dev = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements-dev.txt")
    assert run
    assert run.items() <= dev.items()


@pytest.mark.parametrize("script", ["setup", "packages", "lock", "test", "check", "postgres"])
def test_the_scripts_parse_and_may_be_run(script):
    path = ROOT / "tools" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)


def test_continuous_integration_calls_the_two_commands():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert {"set -euo pipefail", "make check", "make test"} <= set(script.read_text().splitlines())


def template_lint():
    spec = importlib.util.spec_from_file_location("lint", ROOT / "tools" / "lint_templates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_templates_keep_to_the_policy():
    subprocess.run([sys.executable, ROOT / "tools" / "lint_templates.py"], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('<p style="color:red">', "an inline style"),
        ("<style>p{}</style>", "an inline style"),
        ("<script>go()</script>", "an inline script"),
        ('<a href="javascript:go()">', "an inline script"),
        ('<b onclick="go()">', "an inline handler"),
        ('<img src="//host.example/x.png">', "an address outside"),
        ('<a href="https://host.example">', "an address outside"),
        ("{{ text|safe }}", "unescaped text"),
        ("{% autoescape false %}", "unescaped text"),
    ],
)
def test_the_lint_sees_each_fault_and_its_line(text, fault):
    assert template_lint().faults_in("app/x.html", f"{{# style= #}}\n{text}") == [
        f"app/x.html:2: {fault}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<script src="/static/app.js" defer></script>',
        '<svg xmlns="http://www.w3.org/2000/svg">',
        '<a href="/c/x/" data-style="on">',
        '{{ "x" | safely }}',
    ],
)
def test_the_lint_lets_ordinary_words_pass(text):
    assert template_lint().faults_in("app/x.html", text) == []


def test_a_template_that_does_not_compile_is_a_fault():
    [fault] = template_lint().compile_fault("app/jinja2/app/x.html", "{% if %}")
    assert fault.startswith("app/jinja2/app/x.html: ")

"""Every template compiles and keeps to the Content-Security-Policy: nothing inline, no other host.

Prints one line per fault; the exit code says whether there was one.
"""

import os
import re
import sys
from pathlib import Path

import django
from django.template import TemplateSyntaxError as DjangoSyntaxError
from django.template import engines
from jinja2 import TemplateSyntaxError

SOURCES = Path(__file__).parents[1] / "src" / "maillage"
# Namespaces are names, not addresses.
NAMESPACES = re.compile(r"https?://www\.w3\.org/[\w/]*")
FAULTS = {
    "an inline style": re.compile(r"<style\b|\sstyle\s*=", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)|javascript:", re.I),
    "an inline handler": re.compile(r"\son[a-z]+\s*=\s*[\"'{]|\shx-on\b", re.I),
    "an address outside": re.compile(
        r"(?:src|href|action|poster|srcset)\s*=\s*[\"']?\s*(?:https?:)?//|url\(\s*[\"']?(?:https?:)?//",
        re.I,
    ),
    "unescaped text": re.compile(
        r"\|\s*safe\b|\bMarkup\(|autoescape\s+(?:off|false)|mark_safe", re.I
    ),
}
COMMENTS = re.compile(r"\{#.*?#\}|<!--.*?-->", re.S)
# (template, fault): why it is fit.
ALLOWED: dict[tuple[str, str], str] = {}


def faults_in(name: str, text: str) -> list[str]:
    """What the rules say of one template, as "name:line: an inline style"."""
    blank = COMMENTS.sub(lambda found: "\n" * found.group().count("\n"), text)
    blank = NAMESPACES.sub("", blank)
    return [
        f"{name}:{blank.count(chr(10), 0, found.start() + 1) + 1}: {fault}"
        for fault, pattern in FAULTS.items()
        if (name, fault) not in ALLOWED
        for found in pattern.finditer(blank)
    ]


def compile_fault(name: str, text: str) -> list[str]:
    engine = engines["jinja2" if "jinja2" in Path(name).parts else "django"]
    try:
        engine.from_string(text)
    except (TemplateSyntaxError, DjangoSyntaxError) as error:
        return [f"{name}: {error}"]
    return []


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    django.setup()
    found, count = [], 0
    for folder in ("jinja2", "templates"):
        for path in sorted(SOURCES.glob(f"*/{folder}/**/*")):
            if path.is_file():
                name, text = str(path.relative_to(SOURCES)), path.read_text()
                found += compile_fault(name, text) + faults_in(name, text)
                count += 1
    print("\n".join([*found, f"{count} gabarits, {len(found)} faute(s)"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

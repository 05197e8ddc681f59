"""The bill of materials tells what is installed, all of it, and fails rather than tell something else."""

import importlib.util
import json
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def sbom():
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools/sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(sbom):
    return sbom.bill(LOCK)


def libraries(made):
    return {each["name"]: each for each in made["components"] if "purl" in each}


def test_it_holds_every_library_of_the_lock_as_installed(made):
    told = libraries(made)
    everywhere = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r"^([\w.-]+)==\S+ \\$", LOCK, re.M)
    }
    assert everywhere <= told.keys() and len(told) > 20
    assert {name: each["version"] for name, each in told.items()} == {n: version(n) for n in told}
    assert all(each["purl"] == f"pkg:pypi/{n}@{each['version']}" for n, each in told.items())
    assert "pytest" not in told  # a tool of ours, not a part of the product


def test_every_component_has_its_licence_and_its_way_from_us(made):
    assert [each["name"] for each in made["components"] if not each["licenses"]] == []
    edges = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    waiting, reached = [made["metadata"]["component"]["bom-ref"]], set()
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += edges.get(ref, [])
    assert {each["bom-ref"] for each in made["components"]} - reached == set()
    kept = {each["name"] for each in made["components"] if "purl" not in each}
    assert kept == {"htmx", "atkinson-hyperlegible-next", "tabler-icons"}


def test_it_is_cyclonedx_and_the_same_twice(sbom, made):
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    refs = [each["bom-ref"] for each in made["components"]]
    assert len(refs) == len(set(refs))
    assert json.dumps(sbom.bill(LOCK)) == json.dumps(made)
    here = {str(ROOT), str(Path.home()), sys.prefix, sys.base_prefix, tempfile.gettempdir()}
    assert not [each for each in (*here, "://") if each in json.dumps(made)]


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        (re.sub(r"^django==\S+", "django==4.0", LOCK, flags=re.M), "django is"),
        (
            LOCK + "not-here-at-all==1.0 \\\n    --hash=sha256:00\n",
            "not-here-at-all is in the lock",
        ),
    ],
    ids=["another version", "not installed"],
)
def test_it_fails_where_the_environment_is_not_the_lock(sbom, lock, words):
    with pytest.raises(sbom.NotTheLock, match=words):
        sbom.bill(lock)


def test_what_another_machine_needs_may_be_absent(sbom, made):
    lock = LOCK + "not-here-at-all==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    assert sbom.bill(lock) == made

"""The bill of materials of this version (CycloneDX 1.6): every library of the lock, as installed, and
the files of others that are kept in the sources. Fails where the environment is not the lock's.

`make sbom` writes it under dist/. The same environment gives the same file.
"""

import hashlib
import json
import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "src/maillage/kernel/static/maillage"
# Kept in the sources, with their licence beside: (name, file and its version where it says it, licence).
KEPT = (
    ("htmx", r"vendor/htmx-([\d.]+)\.min\.js", "0BSD"),
    ("atkinson-hyperlegible-next", r"fonts/atkinson-hyperlegible-next\.woff2", "OFL-1.1"),
    ("tabler-icons", r"icons\.svg", "MIT"),
)


class NotTheLock(Exception):
    """What is installed is not what the lock says."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, tuple[set[str], bool]]:
    """By library: the versions pinned, and whether some machine may do without it."""
    pins: dict[str, tuple[set[str], bool]] = {}
    for name, version, marker in re.findall(r"^([\w.-]+)==(\S+)( ;[^\\\n]*)?", text, re.M):
        versions, optional = pins.get(normal(name), (set(), True))
        pins[normal(name)] = (versions | {version}, optional and bool(marker))
    return pins


def installed(pins: dict[str, tuple[set[str], bool]]) -> dict[str, Distribution]:
    found = {}
    for name, (versions, optional) in sorted(pins.items()):
        try:
            there = distribution(name)
        except PackageNotFoundError:
            if optional:
                continue
            raise NotTheLock(f"{name} is in the lock and not installed.") from None
        if there.version not in versions:
            raise NotTheLock(f"{name} is {there.version} here, {sorted(versions)} in the lock.")
        found[name] = there
    return found


def purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def licences(there: Distribution) -> list[dict]:
    said = there.metadata
    if expression := said.get("License-Expression"):
        return [{"expression": expression}]
    classified = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or []
        if each.startswith("License :: ") and each != "License :: OSI Approved"
    ]
    named = classified or said.get("License", "").strip().splitlines()[:1]
    return [{"license": {"name": each}} for each in named if each]


def asked(requirement: str) -> tuple[str, set[str], str]:
    """(name, extras it asks for, the extra it belongs to) of a line like `a[b]>=1; extra == "c"`."""
    name, extras = re.match(r"([\w.-]+)\s*(?:\[([^]]*)\])?", requirement).groups()
    of = re.search(r"extra\s*==\s*[\"']([\w.-]+)[\"']", requirement)
    wanted = {normal(each.strip()) for each in (extras or "").split(",") if each.strip()}
    return normal(name), wanted, normal(of[1]) if of else ""


def tree(direct: list[str], found: dict[str, Distribution]) -> dict[str, set[str]]:
    """What each library stands on, from what we ask for; "" is maillage itself."""
    edges: dict[str, set[str]] = {}
    extras: dict[str, set[str]] = {}
    waiting = [("", direct)]
    while waiting:
        who, lines = waiting.pop()
        for line in lines:
            name, wanted, of = asked(line)
            if name not in found or (of and of not in extras.get(who, set())):
                continue
            is_new = name not in extras or not wanted <= extras[name]
            edges.setdefault(who, set()).add(name)
            extras.setdefault(name, set()).update(wanted)
            if is_new:
                waiting.append((name, found[name].requires or []))
    return edges


def kept() -> list[dict]:
    components = []
    for name, pattern, licence in KEPT:
        places = {each.relative_to(STATIC).as_posix(): each for each in STATIC.rglob("*.*")}
        [(match, path)] = [(m, p) for at, p in places.items() if (m := re.fullmatch(pattern, at))]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        components.append(
            {
                "type": "library" if path.suffix == ".js" else "file",
                "bom-ref": path.relative_to(ROOT).as_posix(),
                "name": name,
                **({"version": match[1]} if match.lastindex else {}),
                "hashes": [{"alg": "SHA-256", "content": digest}],
                "licenses": [{"license": {"id": licence}}],
            }
        )
    return components


def bill(lock: str) -> dict:
    """Raises NotTheLock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    words = (ROOT / "src/maillage/__init__.py").read_text("utf-8")
    version = re.search(r'__version__ = "(.+)"', words)[1]
    found = installed(locked(lock))
    refs = {"": f"maillage@{version}"} | {n: purl(n, d.version) for n, d in found.items()}
    edges = tree(project["dependencies"], found)
    ours = kept()
    libraries = [
        {
            "type": "library",
            "bom-ref": refs[name],
            "name": name,
            "version": there.version,
            "purl": refs[name],
            "licenses": licences(there),
        }
        for name, there in found.items()
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": refs[""],
                "name": "maillage",
                "version": version,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": libraries + ours,
        "dependencies": [
            {
                "ref": ref,
                "dependsOn": sorted(refs[each] for each in edges.get(name, ()))
                + ([] if name else [each["bom-ref"] for each in ours]),
            }
            for name, ref in refs.items()
        ],
    }


def main() -> None:
    try:
        made = bill((ROOT / "requirements.txt").read_text("utf-8"))
    except NotTheLock as error:
        sys.exit(f"Pas de nomenclature : {error}")
    path = ROOT / "dist" / f"maillage-{made['metadata']['component']['version']}.cdx.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    print(f"{path.relative_to(ROOT)} : {len(made['components'])} composants.")


if __name__ == "__main__":
    main()

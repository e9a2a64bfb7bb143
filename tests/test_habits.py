"""What the project promises of itself: pages in the site, fragments, environments, hooks."""

from __future__ import annotations

import configparser
import re
import tomllib

import yaml
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TYPES = [one["directory"] for one in PROJECT["tool"]["towncrier"]["type"]]


def pages(nav):
    """Every page of a navigation, however deep."""
    for one in nav:
        for value in one.values() if isinstance(one, dict) else [one]:
            yield from pages(value) if isinstance(value, list) else [value]


def lost(nav, folder):
    """Pages that no reader of the site finds, and entries that lead nowhere."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    return there ^ set(pages(nav))


def misnamed(names):
    """Fragments that no release would hold."""
    pattern = re.compile(rf"\+[a-z0-9-]+\.(?:{'|'.join(TYPES)})\.md")
    return [name for name in names if name != "README.md" and not pattern.fullmatch(name)]


def tox():
    found = configparser.ConfigParser(interpolation=None)
    found.read(ROOT / "tox.ini")
    return found


def environments():
    """The environments of tox.ini by name."""
    found = tox()
    listed = found["tox"]["env_list"].replace("py{311,312,313,314}", "py311, py312, py313, py314")
    return {one.strip() for one in listed.split(",")} | {
        name.removeprefix("testenv:") for name in found.sections() if name.startswith("testenv:")
    }


def unknown(text):
    """Environments that a page asks tox for and that tox.ini does not have."""
    asked = re.findall(r"tox -e ([\w,]+)", text)
    return {name for one in asked for name in one.split(",")} - environments()


def test_every_page_is_in_the_site(tmp_path):
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert not lost(nav, ROOT / "docs")
    (tmp_path / "index.md").write_text("")
    (tmp_path / "forgotten.md").write_text("")
    assert lost(["index.md", {"Part": [{"Gone": "gone.md"}]}], tmp_path) == {
        "forgotten.md",
        "gone.md",
    }


def test_every_fragment_has_a_heading_and_what_decides_comes_first():
    assert TYPES[0] == "decides"
    assert not misnamed(path.name for path in (ROOT / "changelog.d").iterdir())
    assert misnamed(["+one.decides.md", "+two.oops.md", "three.txt"]) == [
        "+two.oops.md",
        "three.txt",
    ]
    text = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert [name for name in TYPES if f"| `{name}` |" not in text] == []


def test_every_python_that_is_promised_has_an_environment():
    promised = {
        "py3" + line.rpartition(".")[2]
        for line in PROJECT["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", line)
    }
    assert promised == {name for name in environments() if name.startswith("py3")}
    assert {"lowest", "lint", "types", "docs", "gate", "bench"} <= environments()


def test_the_readme_and_tox_test_with_one_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"<!-- test -->\n```sh\n.*&& (pytest .*)\n", text)[1]
    for name in ("testenv", "testenv:lowest"):
        assert tox()[name]["commands"].startswith(f"{command} {{posargs")


def test_every_environment_that_a_page_names_is_there():
    for name in ("CONTRIBUTING.md", "README.md"):
        assert not unknown((ROOT / name).read_text(encoding="utf-8"))
    assert unknown("`tox -e lint,tpyes`") == {"tpyes"}


def test_the_hooks_need_no_network():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}
    assert {h["language"] for repo in hooks["repos"] for h in repo["hooks"]} == {"system"}


def gone(text):
    """Files of the project that a text names and that are not there."""
    named = re.findall(r"(?<![\w/.-])(?:harness|tests|benchmarks|examples)/[\w/.-]+\.\w+", text)
    return {name for name in named if not (ROOT / name).exists()}


def test_every_file_that_a_page_or_a_module_names_is_there():
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    texts += [m for room in ("harness", "benchmarks") for m in (ROOT / room).rglob("*.py")]
    assert not {each.name: lost for each in texts if (lost := gone(each.read_text("utf-8")))}
    said = "`harness/errors.py`, `harness/codec.py`, see ``python benchmarks/none.py --fast``"
    assert gone(said) == {"harness/codec.py", "benchmarks/none.py"}

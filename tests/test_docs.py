"""What the documents say is what the code does."""

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def makers() -> ModuleType:
    """tools/make_docs.py as a module."""
    spec = spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration", "conformance"])
def test_pages_are_made_from_the_code(page: str) -> None:
    made = getattr(makers(), page)()
    assert (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") == made, "run .venv/bin/python tools/make_docs.py"


def test_the_readme_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first_block = text.split("```")[1]
    assert "make run" in first_block
    assert "make test" in first_block


def test_links_between_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target} is missing"


def test_every_command_is_in_the_readme() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "pacs", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    commands = re.findall(r"^    ([a-z-]+) ", help_text, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(commands) >= 8
    for command in commands:
        assert f"hoichan {command}" in readme, f"README.md does not mention hoichan {command}"


def test_every_dependency_has_its_reason() -> None:
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    block = setup.split("install_requires =")[1].split("\n\n")[0] + setup.split("dev =")[1].split("\n\n")[0]
    page = (ROOT / "docs" / "decisions" / "0005-dependencies.md").read_text(encoding="utf-8").lower()
    for name in re.findall(r"^\s+([A-Za-z0-9_-]+)", block, re.MULTILINE):
        assert f"`{name.lower()}`" in page, f"docs/decisions/0005-dependencies.md does not say why {name}"


def test_every_front_end_dependency_has_its_reason() -> None:
    package = json.loads((ROOT / "static" / "package.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "decisions" / "0006-front-end.md").read_text(encoding="utf-8")
    for name in {**package["dependencies"], **package["devDependencies"]}:
        assert f"`{name}`" in page, f"docs/decisions/0006-front-end.md does not say why {name}"


def test_no_registry_host_in_lock_files() -> None:
    for name in (
        "requirements.lock",
        "requirements-dev.lock",
        "tools/requirements-node.lock",
        "static/package-lock.json",
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert '"resolved"' not in text, name
        assert not re.search(r"registry\.|index-url|find-links", text), name

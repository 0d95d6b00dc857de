"""Write docs/third-party.md: what is installed with us or bundled into the front end, and under which licence.

Run after ``make setup``: ``.venv/bin/python tools/third_party.py``.
"""

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    lines = [
        "# Third-party software",
        "",
        "Made by `tools/third_party.py` from the lock files and the packages' own statements. None is under the GPL.",
        "",
        "## Installed with the program (Python)",
        "",
        "| package | version | licence |",
        "| --- | --- | --- |",
    ]
    for name, version in re.findall(
        r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    ):
        lines.append(f"| {name} | {version} | {_python_licence(name)} |")
    lines += ["", "## Bundled into the front end (npm)", "", "| package | version | licence |", "| --- | --- | --- |"]
    lock = json.loads((ROOT / "static" / "package-lock.json").read_text())
    for path, entry in sorted(lock["packages"].items()):
        if path and not entry.get("dev") and not entry.get("optional") and "node_modules/" in path:
            lines.append(
                f"| {path.split('node_modules/')[-1]} | {entry.get('version', '')} | {_npm_licence(path, entry)} |"
            )
    (ROOT / "docs" / "third-party.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _python_licence(name: str) -> str:
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return "not installed here"
    stated = facts.get("License-Expression") or ""
    classifiers = [c.split(" :: ")[-1] for c in facts.get_all("Classifier") or [] if c.startswith("License :: ")]
    short = (facts.get("License") or "").strip().splitlines()
    return stated or ", ".join(classifiers) or (short[0][:60] if short else "see the package")


def _npm_licence(path: str, entry: dict[str, object]) -> str:
    stated = entry.get("license")
    if not stated:
        package = ROOT / "static" / path / "package.json"
        stated = (
            json.loads(package.read_text()).get("license", "see the package") if package.exists() else "see the package"
        )
    return str(stated)


if __name__ == "__main__":
    main()

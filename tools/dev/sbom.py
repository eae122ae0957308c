"""``python . tools.dev.sbom``: the bill of materials, in CycloneDX 1.5, of what the pack and its extras install.

It is read from the packages that are installed here, their own requirements followed, and says each one's license.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterable
from typing import Any

from ...files import write_atomically
from .server import ROOT

FILE = ROOT / "build" / "sbom.json"
UNUSED = ("dev", "cluster")  # extras that no user of a node installs
SKIPPED = {"interactive-action"}
SIMULATOR = ROOT / "requirements-sim.txt"  # installed without their own requirements
# where a package says its license in a file alone
READ = {
    "mani-skill": "Apache-2.0",
    "coacd": "MIT",
    "cuda-toolkit": "LicenseRef-NVIDIA-EULA",
    "usd-core": "LicenseRef-TOST-1.0",
    "tensorboard-data-server": "Apache-2.0",
}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def main() -> None:
    """Writes the bill and prints each package with its license."""
    parts = components()
    content = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": parts}
    write_atomically(FILE, (json.dumps(content, indent=1) + "\n").encode())
    for part in parts:
        print(f"{part['name']} {part['version']}: {part['licenses'][0]['license']['name']}")


def components() -> list[dict[str, Any]]:
    """Returns every package that is installed here for the pack or one of its extras, by name."""
    found: dict[str, dict[str, Any]] = {}
    alone = {_normal(line) for line in SIMULATOR.read_text(encoding="utf-8").splitlines() if _NAME.match(line)}
    waiting = [*_direct(), *sorted(alone)]
    while waiting:
        name = waiting.pop()
        if name in found or name in SKIPPED:
            continue
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another system or Python, or an extra that is not here
            continue
        found[name] = {
            "type": "library",
            "name": name,
            "version": package.version,
            "purl": f"pkg:pypi/{name}@{package.version}",
            "licenses": [{"license": {"name": license_of(package)}}],
        }
        if name not in alone:
            waiting += [_normal(text) for text in package.requires or [] if "extra ==" not in text]
    return [found[name] for name in sorted(found)]


def license_of(package: importlib.metadata.Distribution) -> str:
    """Returns the license that a package says it has: SPDX if it does, otherwise its classifier or its own words."""
    data: Any = package.metadata
    if expression := data.get("License-Expression"):
        return str(expression)
    if known := READ.get(_normal(data["Name"])):
        return known
    classifiers = [text.rpartition(" :: ")[2] for text in data.get_all("Classifier") or [] if "License ::" in text]
    words = str(data.get("License") or "").strip().splitlines()
    return " AND ".join(classifiers) or (words[0][:60] if words else "unknown")


def _direct() -> Iterable[str]:
    """The names that pyproject.toml asks for, but for extras of development."""
    package = importlib.metadata.distribution("interactive-action")
    for text in package.requires or []:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", text)
        if not extra or extra[1] not in UNUSED:
            yield _normal(text)


def _normal(text: str) -> str:
    """The name in a requirement, as PyPI normalizes it."""
    match = _NAME.match(text)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


if __name__ == "__main__":
    main()

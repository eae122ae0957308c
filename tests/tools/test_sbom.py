"""The bill of materials: everything a user installs, under licenses that let the pack be Apache-2.0."""

import re

from interactive_action.tools.dev import sbom

# free licenses under which a package may be imported by the pack; no "non-commercial", and no package without a license
FREE = re.compile(
    r"apache|\bmit\b|bsd|isc|python software foundation|psf|mpl|mozilla|unlicense|zlib|hpnd|mit-cmu|lgpl|"
    r"LicenseRef-TOST|NVIDIA|cc0|public domain",
    re.IGNORECASE,
)


def test_every_package_is_listed_with_a_free_license():
    parts = sbom.components()
    licenses = {part["name"]: part["licenses"][0]["license"]["name"] for part in parts}
    assert licenses.keys() >= {"safetensors", "matplotlib", "sapien", "mani-skill", "transforms3d", "lxml", "diffusers"}
    assert {name: license for name, license in licenses.items() if not FREE.search(license)} == {}
    assert not [name for name, license in licenses.items() if re.search(r"non.?commercial|\bNC\b", license)]


def test_what_the_simulator_would_bring_along_is_not_in_it():
    assert not {"opencv-python", "gymnasium", "mplib"} & {part["name"] for part in sbom.components()}

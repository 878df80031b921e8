"""What cibuildwheel would build on each machine of the release workflow: every Python that the package names, no other.

From the project's root, with the dependency group "cibuildwheel". It asks cibuildwheel itself, which needs neither
containers nor those machines for that.
"""

import re
import subprocess
import tomllib
from pathlib import Path

MACHINES = {  # of the workflow, with what cibuildwheel calls them, and how its identifiers end
    "ubuntu-latest": ("linux", "x86_64", "manylinux_x86_64"),
    "ubuntu-24.04-arm": ("linux", "aarch64", "manylinux_aarch64"),
    "macos-15-intel": ("macos", "x86_64", "macosx_x86_64"),
    "macos-latest": ("macos", "arm64", "macosx_arm64"),
    "windows-latest": ("windows", "AMD64", "win_amd64"),
}
WITHOUT_GIL = ["cp314t"]  # those that are supported: 3.13's was an experiment


def main() -> None:
    classifiers = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    versions = re.findall(r"Python :: 3\.(\d+)$", "\n".join(classifiers), re.MULTILINE)
    pythons = [*(f"cp3{version}" for version in versions), *WITHOUT_GIL]
    workflow = Path(".github/workflows/wheels.yml").read_text(encoding="utf-8")
    machines = re.search(r"os: \[(.*)\]", workflow).group(1).split(", ")
    assert machines == [*MACHINES], f"the workflow's machines are {machines}, not {[*MACHINES]}"
    for machine, (platform, arch, end) in MACHINES.items():
        ask = ["cibuildwheel", "--print-build-identifiers", "--platform", platform, "--archs", arch]
        found = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()
        print(f"{machine:<17} {' '.join(found)}")
        assert found == [f"{python}-{end}" for python in pythons], f"{machine} lacks one of {pythons}, or has more"


main()

"""What the import costs over NumPy's own: a whole process each, so their difference is the figure."""

import subprocess
import sys
from typing import Any

import pytest


@pytest.mark.parametrize("package", ["numpy", "fastlayers"])
def test_import(benchmark: Any, package: str) -> None:
    benchmark.group = "import"
    command = [sys.executable, "-P", "-c", f"import {package}"]
    subprocess.run(command, check=True)  # which writes what Python compiles
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=20)

"""C files: compilers take them without a warning, and they predict what the network predicts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from c_files import AS_CPP, COMPILERS, STRICT, compiled, needs_compiler
from model_files import tiny


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("language", [STRICT, AS_CPP], ids=["C", "C++"])
def test_the_stored_samples(tmp_path: Path, compiler: str, language: tuple[str, ...]) -> None:
    tiny().to_c(tmp_path / "any.c", "scores")
    program = compiled(compiler, [tmp_path / "any.c"], tmp_path / "check", *language, "-O3", "-DSCORES_TEST")
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("scores: 0 of 16 numbers wrong")

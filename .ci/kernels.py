"""Fail unless an installed fastlayers is imported, with its kernels at every level; with --none, unless it has none."""

import sys
import sysconfig
from pathlib import Path

import fastlayers
from fastlayers._core import backend

fastlayers.show_config()
package = Path(fastlayers.__file__).resolve().parent
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    assert not sys._is_gil_enabled(), "a module of fastlayers has switched the GIL on"
assert package.parent == Path(sysconfig.get_path("platlib")).resolve(), f"{package} is not an installed package"
for file in ("py.typed", "kernels/_memory.pyi"):
    assert (package / file).is_file(), f"{file} was not installed"
sources = [file.name for end in ("c", "h", "pxd", "pyx") for file in package.rglob(f"*.{end}")]
assert not sources, f"sources of the kernels were installed: {sources}"

if "--none" in sys.argv:
    assert fastlayers.get_backend() == "reference", "kernels were built"
    assert not [file.name for end in ("so", "pyd") for file in package.rglob(f"*.{end}")], "kernels were built"
else:
    assert fastlayers.get_backend() == "cython", "the kernels were not built"
    for level in backend.supported_levels():
        module = backend.load_level(level)
        assert module.relu_forward.__module__.endswith(backend.MODULES[level]), module
    missing = [level for level in backend.MODULES if not backend.is_built(backend.MODULES[level])]
    assert not missing, f"not built: {missing}"

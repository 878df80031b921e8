"""Where this folder is in PYTHONPATH, no extension module loads but Python's own and NumPy's, as were they damaged."""

import sys
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder
from types import ModuleType

MAY = {"numpy", *sys.stdlib_module_names}


class NoExtension(ExtensionFileLoader):
    """In place of what loads an extension module."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        raise ImportError(f"no extension loads here, nor does {spec.origin}", name=spec.name, path=spec.origin)


class NoExtensions:
    """Stands before all that find modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = None if name.partition(".")[0] in MAY else PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
            return None
        spec.loader = NoExtension(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, NoExtensions())

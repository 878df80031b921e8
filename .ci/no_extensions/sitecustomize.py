"""Where this folder is in PYTHONPATH, no extension module loads but Python's own and NumPy's."""

import sys
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder
from types import ModuleType

MAY = {"numpy", *sys.stdlib_module_names}


class NoExtensions:
    """Stands before all that find modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in MAY:
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and isinstance(spec.loader, ExtensionFileLoader):
                raise ImportError(f"no extension loads here, nor does {name}", name=name, path=spec.origin)
        return None


sys.meta_path.insert(0, NoExtensions())

"""Loading a framework's adapter, which may import from other frameworks' folders."""

import importlib
import os
import sys
import types
from importlib.machinery import FileFinder, SourceFileLoader

PACKAGE = "optabs_frameworks"
_BUILT_IN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "frameworks")


def load_adapter(path):
    """Load an adapter by its path.

    Its folder and those beside it are found as modules of one package, and so are the built-in
    frameworks' after them: `from ..jax import adapter`.
    """
    folder, file = os.path.split(os.path.abspath(path))
    root, framework = os.path.split(folder)
    package = types.ModuleType(PACKAGE)
    package.__path__ = [root, _BUILT_IN]
    sys.modules[PACKAGE] = package
    sys.meta_path.insert(0, _Finder)
    return importlib.import_module(".".join([PACKAGE, framework, os.path.splitext(file)[0]]))


class _Source(SourceFileLoader):
    """Compiles a module anew: a compiled copy may be that of a moment ago."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder:
    """Finds the modules of the package, and no others."""

    @staticmethod
    def find_spec(name, path, target=None):
        if name.startswith(PACKAGE + "."):
            for folder in path:
                spec = FileFinder(folder, (_Source, [".py"])).find_spec(name)
                if spec:
                    return spec
        return None

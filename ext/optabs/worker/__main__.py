"""The worker: runs examples in one framework's environment. Standard library only, Python 3.9+.

Started as ``python <this folder> --adapter FILE --device NAME --scratch FOLDER``.

The contract, one JSON object a line, on the standard input and output that it was started with:
- it first says ``{"ready": {"device_name", "drivers", "python_version"}}``, or
  ``{"failed": text}``;
- ``{"run": {"id", "code", "names", "limit"}}`` is answered by ``{"started": id}`` and, once it
  has run, ``{"done": {"id", "outcome", "results", "elsewhere", "stdout", "stderr", "error",
  "seconds", "changes"}}``;
- ``{"resolve": [api, ...]}`` is answered by one ``{"resolved": {api: {...}}}`` for each name;
- the end of the input ends the worker, and so does an example that leaves threads or processes
  behind, or something that cannot be put back: what was asked meanwhile is for another worker.
Examples see other streams: their standard input is empty, their output goes to files in the scratch
folder (`stdout`, `stderr`), where the one who started the worker finds them after a crash, too.
The file `stack` holds Python's stack after a crash or a SIGUSR1, the file `example.py` the code
that these are about.
"""

import contextlib
import importlib.util
import os
import sys
import traceback


def load_package(folder):
    """Load this folder as a package, so that none of its names reaches sys.path or an example."""
    spec = importlib.util.spec_from_file_location(
        "optabs_worker", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["optabs_worker"] = package
    spec.loader.exec_module(package)
    return package


def main():
    """Serve requests until the input ends; returns the exit status."""
    load_package(sys.path.pop(0))
    from optabs_worker.serve import serve

    try:
        return serve(sys.argv[1:])
    except BaseException:  # an example may have closed, or replaced, anything
        with contextlib.suppress(BaseException):
            traceback.print_exc()
        return 1


if __name__ == "__main__":
    # Frameworks take seconds to tear down, threads of examples may never end, and nothing is left
    # to save.
    os._exit(main())

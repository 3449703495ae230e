"""Reading requests and answering them."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import traceback

from .adapter import load_adapter
from .capture import Capture
from .execute import Executor
from .resolve import resolve_api
from .state import watch_stacks
from .values import clean_text

MAX_FILE = 1 << 30


def serve(argv):
    """Run the worker's loop; returns the exit status."""
    arguments = _parse_arguments(argv)
    requests, replies = _take_streams()
    capture = Capture(arguments.scratch)
    _limit_resources(arguments.device)
    watch_stacks(capture.stack_fd)

    def send(message):
        data = memoryview(json.dumps(message, allow_nan=False).encode() + b"\n")
        while data:
            data = data[os.write(replies, data) :]

    try:
        adapter = load_adapter(arguments.adapter)
        devices = adapter.devices()
        if arguments.device not in devices:
            found = ", ".join(devices) or "none"
            text = "no usable {} device: found {}".format(arguments.device, found)
            send({"failed": text, "device": arguments.device})
            return 1
        executor = Executor(adapter, arguments.device, capture, arguments.scratch)
    except BaseException as error:  # a framework may fail to import in any way
        reason = traceback.format_exception_only(type(error), error)[-1].strip().splitlines()[0]
        detail = traceback.format_exc(limit=-4)
        send({"failed": clean_text(reason), "detail": clean_text(detail)})
        return 1
    send(
        {
            "ready": {
                "device_name": devices[arguments.device] or _name_processor(),
                "drivers": _list_drivers(adapter, arguments.device),
                "python_version": platform.python_version(),
            }
        }
    )
    with contextlib.suppress(BrokenPipeError), os.fdopen(requests, "rb") as lines:
        for line in lines:
            request = json.loads(line)
            if "run" in request:
                send({"started": request["run"]["id"]})
                send({"done": executor.run(**request["run"])})
                if executor.spoiled:
                    return 0
            else:
                # One reply each: a name may end the worker, and the others are known then.
                for api in request["resolve"]:
                    send({"resolved": {api: resolve_api(api)}})
    # The one who started this is gone without taking the scratch folder along.
    shutil.rmtree(arguments.scratch, ignore_errors=True)
    return 0


def _parse_arguments(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("--adapter", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--scratch", required=True)
    return parser.parse_args(argv)


def _take_streams():
    """Move the protocol to descriptors of its own, which examples and their children do not get."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return requests, replies


def _limit_resources(device):
    """Bound what an example may take: no more than half of the memory, no file without end."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if memory runs out, it is the example that goes
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = MAX_FILE if hard == resource.RLIM_INFINITY else min(MAX_FILE, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    if device == "cpu":  # drivers of other devices reserve far more than they use
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = memory // 2 if hard == resource.RLIM_INFINITY else min(memory // 2, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _list_drivers(adapter, device):
    """Return what stands between the framework and the device, each as "name version"."""
    found = adapter.drivers(device) if hasattr(adapter, "drivers") else {}
    return ["{} {}".format(name, version) for name, version in found.items()]


def _name_processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

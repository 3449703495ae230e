"""Running a plan beside the process that wants it, so that Sphinx can read (and fork) meanwhile.

``python -m optabs.background`` reads a pickled `Work` from its input, stores records in the
ledger as they come, and says on its output, one JSON object a line, how far it is. When its input
ends, so does it: whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optabs.errors import OptabsError
from optabs.evidence import Evidence
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import Plan
from optabs.run.pool import Event, Finished, Notice, Started, Unavailable
from optabs.run.targets import REFERENCE
from optabs.verify import run_plan


@dataclass(frozen=True)
class Work:
    """What the background process is to do."""

    plan: Plan
    registry: Registry
    ledger: Path


class BackgroundRun:
    """A plan that is being run by another process."""

    def __init__(self, work: Work) -> None:
        self.plan = work.plan
        source = str(Path(__file__).parent.parent)
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "optabs.background"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )
        assert self._process.stdin is not None
        # It stays open: its end tells that we are gone.
        pickle.dump(replace(work, plan=_reduce_plan(work.plan)), self._process.stdin)
        self._process.stdin.flush()

    def wait(self) -> Iterator[dict[str, Any]]:
        """Yield what is said until all is run: ``{"started": ...}``, ``{"finished": ...}``.

        Unavailable frameworks are noted in the plan. ``{"notice": text}`` tells what whoever
        waits should know, ``{"failed": text}`` why it gave up;
        the last item, ``{"ended": status}``, how the process ended.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "unavailable" in message:
                framework, device, reason = message["unavailable"]
                self.plan.unavailable[framework, device] = reason
            yield message
        status = self._process.wait()
        self._close()
        yield {"ended": status}

    def stop(self) -> None:
        """End the process; what it has finished is in the ledger."""
        self._process.terminate()
        self._close()  # it must not wait for a reader
        self._process.wait()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


def _reduce_plan(plan: Plan) -> Plan:
    """Return the part of a plan that running needs: nothing of what is known."""
    checks = {check.target: check for check in plan.checks if check.target}
    return replace(plan, checks=list(checks.values()), references={}, known={}, evidence=Evidence())


def _describe(event: Event) -> dict[str, Any] | None:
    if isinstance(event, Started) and event.batch.framework != REFERENCE:
        return {"started": f"{event.batch.framework}: {event.job.operation}"}
    if isinstance(event, Finished) and event.batch.framework != REFERENCE:
        return {"finished": event.record.key}
    if isinstance(event, Unavailable):
        return {"unavailable": [event.batch.framework, event.batch.device, event.reason]}
    if isinstance(event, Notice):
        return {"notice": event.text}
    return None


class _Speaker(threading.Thread):
    """Writes messages to the output; running does not wait for somebody to read them."""

    def __init__(self) -> None:
        super().__init__(name="optabs-speaker", daemon=True)
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def say(self, message: dict[str, Any] | None) -> None:
        """Write a message when there is room for it; None ends the thread."""
        self._messages.put(message)

    def watch(self, event: Event) -> None:
        """Tell of an event, if it is worth telling."""
        if message := _describe(event):
            self.say(message)

    def run(self) -> None:
        """See Thread."""
        # Nobody may be there to read it any more.
        with contextlib.suppress(OSError):
            while (message := self._messages.get()) is not None:
                os.write(1, json.dumps(message).encode() + b"\n")


def _watch_input() -> None:
    """Interrupt the main thread when the input ends."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def watch() -> None:
        while os.read(0, 1):
            pass
        signal.pthread_kill(main_thread, signal.SIGTERM)

    threading.Thread(target=watch, name="optabs-watch", daemon=True).start()


def _interrupt_once(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # ending the workers must not be interrupted
    raise KeyboardInterrupt


def main() -> int:
    """Run the work that comes in; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt_once)
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    _watch_input()
    speaker = _Speaker()
    speaker.start()
    try:
        with Ledger(work.ledger) as ledger:
            run_plan(work.plan, work.registry, ledger, speaker.watch)
    except KeyboardInterrupt:
        return 130  # what has finished is stored
    except OptabsError as error:
        speaker.say({"failed": str(error)})
        return 1
    finally:
        speaker.say(None)
        speaker.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Running plans beside the process that wants it, so that Sphinx can read (and fork) meanwhile.

``python -m optabs.background`` reads pickled `Work` from its input, stores records in the ledger
as they come, and says on its output, one JSON object a line, how far it is. When its input ends,
so does it: whoever started it is gone.
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
from optabs.run.targets import REFERENCE, Target
from optabs.run.warm import WarmWorkers
from optabs.verify import run_plan


@dataclass(frozen=True)
class Work:
    """What the background process is to do."""

    plan: Plan
    registry: Registry
    ledger: Path
    warm: tuple[Target, ...] = ()
    """What is to have a worker that waits for more, now and from now on."""


class Background:
    """A process that runs one plan after the other."""

    def __init__(self) -> None:
        source = str(Path(__file__).parent.parent)
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "optabs.background"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for us, who then end it
        )

    def start(self, work: Work) -> BackgroundRun:
        """Begin with a plan; all that was begun before must have ended."""
        assert self._process.stdin is not None
        # Who has gone before is told of when somebody waits.
        with contextlib.suppress(BrokenPipeError):
            # It stays open: its end tells that we are gone.
            pickle.dump(replace(work, plan=_reduce_plan(work.plan)), self._process.stdin)
            self._process.stdin.flush()
        return BackgroundRun(self._process, work.plan)

    def stop(self) -> None:
        """End the process; what it has finished is in the ledger."""
        self._process.terminate()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()  # it must not wait for a reader
        self._process.wait()


@dataclass(frozen=True)
class BackgroundRun:
    """A plan that is being run by another process."""

    process: subprocess.Popen[bytes]
    plan: Plan

    def wait(self) -> Iterator[dict[str, Any]]:
        """Yield what is said until all is run: ``{"started": ...}``, ``{"finished": ...}``.

        Unavailable frameworks are noted in the plan. ``{"notice": text}`` tells what a person
        should know, ``{"failed": text}`` why it gave up; the last item, ``{"ended": status}``,
        how it ended.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if "unavailable" in message:
                framework, device, reason = message["unavailable"]
                self.plan.unavailable[framework, device] = reason
            yield message
            if "ended" in message:
                return
        yield {"ended": self.process.wait()}


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


class _Listener(threading.Thread):
    """Reads what is to be done, and interrupts the main thread when the input ends."""

    def __init__(self) -> None:
        super().__init__(name="optabs-listener", daemon=True)
        self.works: queue.SimpleQueue[Work] = queue.SimpleQueue()

    def run(self) -> None:
        """See Thread."""
        # At its end Python closes `sys.stdin`, which this thread must not hold.
        stream = open(0, "rb", closefd=False)  # noqa: SIM115
        with contextlib.suppress(EOFError):
            while True:
                self.works.put(pickle.load(stream))  # noqa: S301 - from our own parent
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        signal.pthread_kill(main_thread, signal.SIGTERM)


def _interrupt_once(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # ending the workers must not be interrupted
    raise KeyboardInterrupt


def _run(work: Work, warm: WarmWorkers, speaker: _Speaker) -> int:
    for target in work.warm:
        warm.start(target)
    try:
        with Ledger(work.ledger) as ledger:
            run_plan(work.plan, work.registry, ledger, speaker.watch, warm)
    except OptabsError as error:
        speaker.say({"failed": str(error)})
        return 1
    return 0


def main() -> int:
    """Run the work that comes in until there is no more; returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt_once)
    listener, speaker = _Listener(), _Speaker()
    listener.start()
    speaker.start()
    try:
        with WarmWorkers() as warm:
            while True:
                work = listener.works.get()
                if work.warm:
                    warm.keeps, warm.size = True, len(work.warm)
                speaker.say({"ended": _run(work, warm, speaker)})
    except KeyboardInterrupt:
        return 130  # what has finished is stored
    finally:
        speaker.say(None)
        speaker.join()


if __name__ == "__main__":
    sys.exit(main())

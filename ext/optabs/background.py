"""Running a plan beside the process that wants it, so that Sphinx can read (and fork) meanwhile.

``python -m optabs.background`` reads a pickled `Work` from its input, stores records in the
ledger as they come, and says on its output, one JSON object a line, how far it is.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import Plan
from optabs.run.pool import Event, Finished, Started, Unavailable
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
        )
        assert self._process.stdin is not None
        with self._process.stdin as stream:
            pickle.dump(work, stream)

    def wait(self) -> Iterator[dict[str, Any]]:
        """Yield what is said until all is run: ``{"started": ...}``, ``{"finished": ...}``.

        Unavailable frameworks are noted in the plan. The last item, ``{"ended": status}``,
        tells how the process ended.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "unavailable" in message:
                framework, device, reason = message["unavailable"]
                self.plan.unavailable[framework, device] = reason
            yield message
        yield {"ended": self._process.wait()}

    def stop(self) -> None:
        """End the process; what it has finished is in the ledger."""
        self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def _describe(event: Event) -> dict[str, Any] | None:
    if isinstance(event, Started) and event.batch.framework != REFERENCE:
        return {"started": f"{event.batch.framework}: {event.job.operation}"}
    if isinstance(event, Finished) and event.batch.framework != REFERENCE:
        return {"finished": event.record.key}
    if isinstance(event, Unavailable):
        return {"unavailable": [event.batch.framework, event.batch.device, event.reason]}
    return None


def main() -> int:
    """Run the work that comes in; returns the exit status."""
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent

    def say(event: Event) -> None:
        message = _describe(event)
        if message is not None:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    try:
        with Ledger(work.ledger) as ledger:
            run_plan(work.plan, work.registry, ledger, say)
    except (KeyboardInterrupt, BrokenPipeError):
        # The parent is gone or going: what has finished is stored.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 130
    return 0


if __name__ == "__main__":
    import signal

    def _interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())

"""Workers that run before their jobs are known, since frameworks take seconds to import."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from types import TracebackType

from optabs.run.targets import Target
from optabs.run.worker_process import WorkerProcess, WorkerSpec


@dataclass
class WarmWorkers:
    """A few started workers. Those that nobody takes end with the `with` statement."""

    size: int = field(default_factory=lambda: os.cpu_count() or 1)
    keeps: bool = False
    """Whether a worker that has done its work is kept for more."""
    _workers: dict[WorkerSpec, WorkerProcess] = field(default_factory=dict)

    def start(self, target: Target) -> None:
        """Start a worker for a target, unless there are enough."""
        spec = target.local_spec
        if spec and spec not in self._workers and len(self._workers) < self.size:
            # A failure is told to whoever wants to run something there.
            with contextlib.suppress(OSError):
                self._workers[spec] = WorkerProcess(spec)

    def take(self, spec: WorkerSpec) -> WorkerProcess | None:
        """Hand over a worker that was started, if there is one."""
        worker = self._workers.pop(spec, None)
        if worker and not worker.is_alive():
            worker.close()
            return None
        return worker

    def give_back(self, spec: WorkerSpec, worker: WorkerProcess) -> None:
        """Keep a worker that waits for requests, or end it."""
        if self.keeps and spec not in self._workers:
            self._workers[spec] = worker
        else:
            worker.close()

    def __enter__(self) -> WarmWorkers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._workers:
            self._workers.popitem()[1].close()

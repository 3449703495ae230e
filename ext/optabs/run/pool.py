"""The pool: feeds jobs to workers side by side, and loses one example at most to a crash."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from optabs.records import Error, Outcome, Record
from optabs.run.warm import WarmWorkers
from optabs.run.worker_process import PIPE_SIZE, WorkerDied, WorkerProcess, WorkerSpec

START_SECONDS = 300.0
RESOLVE_SECONDS = 300.0
# A worker that dies this often without running anything is not started again.
MAX_IDLE_DEATHS = 3


@dataclass(frozen=True)
class Job:
    """One example to be run. `names` are the results that are kept."""

    key: str
    claim: str
    operation: str
    case: str
    code: str
    names: tuple[str, ...]
    time_limit: float


@dataclass(frozen=True)
class Batch:
    """The jobs of one framework on one device, and API names to look up there."""

    framework: str
    device: str
    spec: WorkerSpec
    framework_version: str
    python_version: str
    precision: str
    jobs: tuple[Job, ...] = ()
    apis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """A worker begins with an example."""

    batch: Batch
    job: Job


@dataclass(frozen=True)
class Finished:
    """An example has been run."""

    batch: Batch
    record: Record


@dataclass(frozen=True)
class Resolved:
    """API names were looked up: what was found, by name."""

    batch: Batch
    found: dict[str, Any]


@dataclass(frozen=True)
class Unavailable:
    """A batch's worker cannot be had; its remaining jobs are not run."""

    batch: Batch
    reason: str
    detail: str = ""
    permanent: bool = False
    """Whether it will be so again: the worker runs, but has no such device."""


Event = Started | Finished | Resolved | Unavailable


@dataclass
class _Ended:
    """A thread has no more to do; `error` is a fault of the pool itself."""

    error: BaseException | None = None


@dataclass
class Pool:
    """Runs batches on local workers."""

    batches: Sequence[Batch]
    warm: WarmWorkers = field(default_factory=WarmWorkers)
    size: int = field(default_factory=lambda: os.cpu_count() or 1)

    def run(self) -> Generator[Event, None, None]:
        """Yield what happens until all is run. Closing the iterator ends all workers at once."""
        waiting: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        for batch in self.batches:
            waiting.put(batch)
        events: queue.SimpleQueue[Event | _Ended] = queue.SimpleQueue()
        count = min(self.size, len(self.batches))
        lanes = [_Lane(waiting, events.put, self.warm) for _ in range(count)]
        for lane in lanes:
            lane.start()
        running = len(lanes)
        try:
            while running:
                event = events.get()
                if not isinstance(event, _Ended):
                    yield event
                    continue
                running -= 1
                if event.error is not None:
                    raise event.error
        finally:
            for lane in lanes:
                lane.stop()
            for lane in lanes:
                lane.join()


class _Lane(threading.Thread):
    """Takes batch after batch; one worker of it runs at a time."""

    def __init__(
        self,
        waiting: queue.SimpleQueue[Batch],
        emit: Callable[[Event | _Ended], None],
        warm: WarmWorkers,
    ) -> None:
        super().__init__(name="optabs-lane", daemon=True)
        self.waiting = waiting
        self.emit = emit
        self.warm = warm
        self.stopped = threading.Event()
        self.worker: WorkerProcess | None = None
        self.lock = threading.Lock()

    def stop(self) -> None:
        """End the worker, and take no more batches."""
        with self.lock:
            self.stopped.set()
            if self.worker:
                self.worker.kill()

    def run(self) -> None:
        error: BaseException | None = None
        try:
            while not self.stopped.is_set():
                try:
                    batch = self.waiting.get_nowait()
                except queue.Empty:
                    break
                self.run_batch(batch)
        except BaseException as fault:  # it is raised again by Pool.run
            error = None if self.stopped.is_set() else fault
        self.emit(_Ended(error))

    def run_batch(self, batch: Batch) -> None:
        """Run all jobs of a batch, with a new worker after each crash."""
        todo = deque(batch.jobs)
        apis = batch.apis
        idle_deaths = 0
        while (todo or apis) and not self.stopped.is_set():
            left = len(todo)
            try:
                with self.lock:
                    if self.stopped.is_set():
                        return
                    worker = self.warm.take(batch.spec) or WorkerProcess(batch.spec)
                    self.worker = worker
            except OSError as error:
                self.emit(Unavailable(batch, f"its interpreter cannot be started: {error}"))
                return
            with worker:
                try:
                    device_name = self.await_ready(worker, batch)
                    if device_name is None:
                        return
                    if apis:
                        worker.send({"resolve": apis})
                        found = worker.receive(RESOLVE_SECONDS)["resolved"]
                        self.emit(Resolved(batch, found))
                        apis = ()
                    _Conversation(worker, batch, device_name, todo, self.emit).run()
                except (WorkerDied, TimeoutError) as error:
                    # No example was running: the worker fell over by itself.
                    idle_deaths = idle_deaths + 1 if len(todo) == left else 0
                    if idle_deaths >= MAX_IDLE_DEATHS:
                        self.emit(
                            Unavailable(
                                batch,
                                f"its worker {error or 'hangs'} again and again",
                                worker.read_output("stderr"),
                            )
                        )
                        return
                finally:
                    with self.lock:
                        self.worker = None

    def await_ready(self, worker: WorkerProcess, batch: Batch) -> str | None:
        """Return the device's name, or None after reporting why there will be no worker."""
        try:
            message = worker.receive(START_SECONDS)
        except TimeoutError:
            self.emit(Unavailable(batch, f"it did not start within {START_SECONDS:.0f} s"))
            return None
        except WorkerDied as error:
            if not self.stopped.is_set():
                self.emit(
                    Unavailable(
                        batch,
                        f"its worker {error} while it started",
                        worker.read_output("start") + worker.read_output("stderr"),
                    )
                )
            return None
        if "ready" in message:
            return str(message["ready"]["device_name"])
        text = str(message["failed"]).strip()
        self.emit(Unavailable(batch, text.splitlines()[-1], text, "device" in message))
        return None


class _Conversation:
    """Sends jobs and takes replies until there are none left or the worker is gone."""

    def __init__(
        self,
        worker: WorkerProcess,
        batch: Batch,
        device_name: str,
        todo: deque[Job],
        emit: Callable[[Event | _Ended], None],
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.device_name = device_name
        self.todo = todo
        self.emit = emit
        self.sent = 0
        """How many of `todo` the worker has been given and has not answered."""

    def run(self) -> None:
        """Work through `todo`; an example that ends the worker is recorded, then this returns.

        Raises:
            WorkerDied, TimeoutError: the worker fell over while no example ran.
        """
        while self.todo:
            self.send_ahead()
            self.worker.receive(START_SECONDS)  # "started": the clock runs from here
            job = self.todo[0]
            self.emit(Started(self.batch, job))
            begun = time.monotonic()
            self.send_ahead()
            try:
                reply = self.worker.receive(job.time_limit).get("done")
                if not isinstance(reply, dict) or reply.get("id") != job.key:
                    raise WorkerDied("an example wrote into the worker's protocol")
            except TimeoutError:
                self.worker.dump_stack()
                self.worker.kill()
                self.end(
                    job,
                    Outcome.TIMED_OUT,
                    "TimeLimit",
                    f"it ran longer than {job.time_limit:g} s",
                    begun,
                )
                return
            except WorkerDied as error:
                self.end(
                    job,
                    Outcome.CRASHED,
                    "Crash",
                    f"the worker {error} while it ran this example",
                    begun,
                )
                return
            self.todo.popleft()
            self.sent -= 1
            fault = reply["error"]
            self.emit(
                Finished(
                    self.batch,
                    self.make_record(
                        job,
                        Outcome(reply["outcome"]),
                        reply["results"],
                        reply["stdout"],
                        reply["stderr"],
                        Error(**fault) if fault else None,
                        reply["seconds"],
                    ),
                )
            )

    def send_ahead(self) -> None:
        """Keep the next job at hand, so that the worker need not wait for it.

        Only small ones are sent ahead: a large one could fill the pipe while the worker writes.
        """
        while self.sent < min(2, len(self.todo)):
            job = self.todo[self.sent]
            if self.sent and len(job.code) * 2 > PIPE_SIZE:
                return
            self.worker.send(
                {
                    "run": {
                        "id": job.key,
                        "code": job.code,
                        "names": job.names,
                        "limit": job.time_limit,
                    }
                }
            )
            self.sent += 1

    def end(self, job: Job, outcome: Outcome, kind: str, message: str, begun: float) -> None:
        """Record the example that ended the worker."""
        self.todo.popleft()
        stderr = self.worker.read_output("stderr")
        self.emit(
            Finished(
                self.batch,
                self.make_record(
                    job,
                    outcome,
                    {},
                    self.worker.read_output("stdout"),
                    stderr,
                    Error(kind, message, stderr),
                    time.monotonic() - begun,
                ),
            )
        )

    def make_record(
        self,
        job: Job,
        outcome: Outcome,
        results: dict[str, Any],
        stdout: str,
        stderr: str,
        error: Error | None,
        seconds: float | None,
    ) -> Record:
        batch = self.batch
        return Record(
            key=job.key,
            claim=job.claim,
            operation=job.operation,
            case=job.case,
            framework=batch.framework,
            device=batch.device,
            outcome=outcome,
            results=results,
            stdout=stdout,
            stderr=stderr,
            error=error,
            seconds=None if seconds is None else round(seconds, 6),
            time_limit=job.time_limit,
            framework_version=batch.framework_version,
            python_version=batch.python_version,
            device_name=self.device_name,
            precision=batch.precision,
            ran_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

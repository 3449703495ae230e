"""The pool: feeds jobs to workers side by side, and loses one example at most to a crash."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from optabs.records import Error, Outcome, Record, read_devices, read_names
from optabs.run.targets import Target
from optabs.run.warm import WarmWorkers
from optabs.run.worker_process import ClusterSpec, WorkerDied, WorkerProcess, WorkerSpec

START_SECONDS = 300.0
RESOLVE_SECONDS = 60.0  # for one name
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
    spec: WorkerSpec | ClusterSpec
    framework_version: str
    python_version: str
    precision: str
    jobs: tuple[Job, ...] = ()
    apis: tuple[str, ...] = ()
    driver: str = ""


def make_batch(target: Target, jobs: tuple[Job, ...], apis: tuple[str, ...]) -> Batch:
    """Return what is to be run and looked up on a target that has a worker."""
    assert target.spec
    return Batch(
        target.framework,
        target.device,
        target.spec,
        target.framework_version,
        target.python_version,
        target.precision,
        jobs,
        apis,
        target.driver,
    )


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


@dataclass(frozen=True)
class Notice:
    """Something that whoever waits should know, in a sentence."""

    text: str


Event = Started | Finished | Resolved | Unavailable | Notice


@dataclass
class Ended:
    """A thread has no more to do; `error` is a fault of the pool itself."""

    error: BaseException | None = None


@dataclass
class Pool:
    """Runs batches on local workers: each has a `WorkerSpec`."""

    batches: Sequence[Batch]
    warm: WarmWorkers = field(default_factory=WarmWorkers)
    size: int = field(default_factory=lambda: os.cpu_count() or 1)
    start_seconds: float = START_SECONDS
    """How long a worker may take to import its framework."""

    def run(self) -> Generator[Event, None, None]:
        """Yield what happens until all is run. Closing the iterator ends all workers at once."""
        events: queue.SimpleQueue[Event | Ended] = queue.SimpleQueue()
        lanes = self.start(events.put)
        running = len(lanes)
        try:
            while running:
                event = events.get()
                if not isinstance(event, Ended):
                    yield event
                    continue
                running -= 1
                if event.error is not None:
                    raise event.error
        finally:
            stop_lanes(lanes)

    def start(self, emit: Callable[[Event | Ended], None]) -> list[Lane]:
        """Start what runs the batches; each lane emits `Ended` when there is no more to do."""
        waiting: queue.SimpleQueue[Batch] = queue.SimpleQueue()
        for batch in self.batches:
            waiting.put(batch)
        lanes = [Lane(self, waiting, emit) for _ in range(min(self.size, len(self.batches)))]
        for lane in lanes:
            lane.start()
        return lanes


class Lane(threading.Thread):
    """Takes batch after batch; one worker of it runs at a time."""

    def __init__(
        self,
        pool: Pool,
        waiting: queue.SimpleQueue[Batch],
        emit: Callable[[Event | Ended], None],
    ) -> None:
        super().__init__(name="optabs-lane", daemon=True)
        self.pool = pool
        self.waiting = waiting
        self.emit = emit
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
        """See Thread."""
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
        self.emit(Ended(error))

    def run_batch(self, batch: Batch) -> None:
        """Run all jobs of a batch, then look its API names up; a new worker after each crash."""
        todo, apis, retried = deque(batch.jobs), deque(batch.apis), set[str]()
        spec = batch.spec
        assert isinstance(spec, WorkerSpec)
        idle_deaths = 0
        while (todo or apis) and not self.stopped.is_set():
            left = len(todo) + len(apis)
            try:
                with self.lock:
                    if self.stopped.is_set():
                        return
                    worker = self.pool.warm.take(spec) or WorkerProcess(spec)
                    self.worker = worker
            except OSError as error:
                reason = f"its interpreter {spec.python} cannot be started: {error.strerror}"
                self.emit(Unavailable(batch, reason))
                return
            with contextlib.ExitStack() as stack:
                stack.enter_context(worker)
                try:
                    ready = self.await_ready(worker, batch)
                    if ready is None:
                        return
                    conversation = _Conversation(worker, batch, ready, self.emit)
                    conversation.run(todo, retried)
                    conversation.look_up(apis)
                    with self.lock:
                        if not self.stopped.is_set():
                            stack.pop_all()
                            self.pool.warm.give_back(spec, worker)
                except (WorkerDied, TimeoutError) as error:
                    # Nothing was running: the worker fell over by itself, or was spoiled.
                    idle = len(todo) + len(apis) == left
                    idle_deaths = idle_deaths + 1 if idle else 0
                    if idle_deaths >= MAX_IDLE_DEATHS:
                        reason = f"its worker {str(error) or 'hangs'} again and again"
                        self.emit(Unavailable(batch, reason, worker.read_output("stderr")))
                        return
                finally:
                    with self.lock:
                        self.worker = None

    def await_ready(self, worker: WorkerProcess, batch: Batch) -> tuple[str, str] | None:
        """Return the device's name and drivers, or None after saying why there is no worker."""
        if worker.device is not None:
            return worker.device
        limit = self.pool.start_seconds
        try:
            message = worker.receive(limit)
        except TimeoutError:
            worker.dump_stack()
            reason = f"its worker was not ready within {limit:g} s"
            self.emit(Unavailable(batch, reason, worker.read_stack()))
            return None
        except WorkerDied as error:
            if not self.stopped.is_set():
                printed = worker.read_output("start") + worker.read_output("stderr")
                last = printed.strip().rpartition("\n")[2]
                reason = f"its worker {error} while it started" + (f": {last}" if last else "")
                self.emit(Unavailable(batch, reason, worker.read_stack() + printed))
            return None
        if "ready" in message:
            ready = message["ready"]
            drivers = filter(None, [batch.driver, *ready["drivers"]])
            worker.device = str(ready["device_name"]), ", ".join(drivers)
            return worker.device
        permanent = "device" in message
        reason = str(message.get("failed", message))
        self.emit(
            Unavailable(
                batch,
                reason if permanent else f"its adapter cannot be used: {reason}",
                str(message.get("detail", "")),
                permanent,
            )
        )
        return None


def stop_lanes(lanes: Sequence[Lane]) -> None:
    """End all that lanes run, at once."""
    for lane in lanes:
        lane.stop()
    for lane in lanes:
        lane.join()


class _Conversation:
    """Sends requests to one worker and takes its replies."""

    def __init__(
        self,
        worker: WorkerProcess,
        batch: Batch,
        device: tuple[str, str],
        emit: Callable[[Event | Ended], None],
    ) -> None:
        self.worker = worker
        self.batch = batch
        self.device = device
        self.emit = emit

    def run(self, todo: deque[Job], retried: set[str]) -> None:
        """Work through `todo`, taking from it what has been recorded.

        An example that ends a worker in which others ran before it gets a second chance, first
        in a worker of its own: the damage may be an earlier one's. `retried` holds their keys.

        Raises:
            WorkerDied, TimeoutError: the worker must be replaced before anything else is run.
        """
        sent = 0
        while todo:
            # The worker always has the next job at hand, too, so that it need not wait for it.
            for job in list(todo)[sent:2]:
                self.send_job(job)
                sent += 1
            job = todo[0]
            if self.worker.receive(START_SECONDS).get("started") != job.key:
                raise WorkerDied("said something else than it was asked")
            self.emit(Started(self.batch, job))
            begun = time.monotonic()
            try:
                record = self.read_record(job, self.worker.receive(job.time_limit))
            except TimeoutError:
                self.worker.dump_stack()
                message = f"it ran longer than {job.time_limit:g} s"
                self.end(todo, Outcome.TIMED_OUT, "TimeLimit", message, begun)
                raise
            except WorkerDied as error:
                if self.worker.has_run and job.key not in retried:
                    retried.add(job.key)
                    raise
                message = f"the worker {error} while it ran this example"
                self.end(todo, Outcome.CRASHED, "Crash", message, begun)
                raise
            self.emit(Finished(self.batch, record))
            todo.popleft()
            sent -= 1
            self.worker.has_run = True

    def look_up(self, apis: deque[str]) -> None:
        """Look API names up, taking from `apis` what is known or cannot be known.

        Raises:
            WorkerDied, TimeoutError: a name ended the worker.
        """
        if not apis:
            return
        found: dict[str, Any] = {}
        self.worker.send({"resolve": list(apis)})
        try:
            while apis:
                known = self.worker.receive(RESOLVE_SECONDS).get("resolved")
                if not isinstance(known, dict):
                    raise WorkerDied("said something else than it was asked")
                found |= known
                apis.popleft()
        except (WorkerDied, TimeoutError):
            apis.popleft()
            raise
        finally:
            if found:
                self.emit(Resolved(self.batch, found))

    def send_job(self, job: Job) -> None:
        """Ask the worker to run an example."""
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

    def read_record(self, job: Job, message: dict[str, Any]) -> Record:
        """Return the record of a reply.

        Raises:
            WorkerDied: it is no reply to this job; an example can write into the worker's pipe.
        """
        try:
            reply = message["done"]
            if reply["id"] != job.key:
                raise KeyError(job.key)
            fault = reply["error"]
            return make_record(
                self.batch,
                job,
                self.device,
                Outcome(reply["outcome"]),
                Error(**fault) if fault else None,
                results=reply["results"],
                stdout=reply["stdout"],
                stderr=reply["stderr"],
                seconds=reply["seconds"],
                changes=read_names(reply["changes"]),
                elsewhere=read_devices(reply["elsewhere"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WorkerDied("said something else than it was asked") from error

    def end(
        self, todo: deque[Job], outcome: Outcome, kind: str, message: str, begun: float
    ) -> None:
        """Record the example that ended the worker."""
        job = todo.popleft()
        self.worker.kill()
        stdout = stderr = stack = ""
        if self.worker.is_at(job.code):  # and has not gone on with the next one
            stdout, stderr = map(self.worker.read_output, ("stdout", "stderr"))
            stack = self.worker.read_stack()
        error = Error(kind, message, stack)
        seconds = time.monotonic() - begun
        record = make_record(
            self.batch,
            job,
            self.device,
            outcome,
            error,
            stdout=stdout,
            stderr=stderr,
            seconds=seconds,
        )
        self.emit(Finished(self.batch, record))


def make_record(
    batch: Batch,
    job: Job,
    device: tuple[str, str],
    outcome: Outcome,
    error: Error | None,
    *,
    results: dict[str, Any] | None = None,
    stdout: str = "",
    stderr: str = "",
    seconds: float | None = None,
    changes: tuple[str, ...] = (),
    elsewhere: Mapping[str, str] | None = None,
) -> Record:
    """Return the record of an example that has just ended; `device` is its name and its drivers."""
    device_name, drivers = device
    return Record(
        key=job.key,
        claim=job.claim,
        operation=job.operation,
        case=job.case,
        framework=batch.framework,
        device=batch.device,
        outcome=outcome,
        results=results or {},
        stdout=stdout,
        stderr=stderr,
        error=error,
        seconds=None if seconds is None else round(seconds, 6),
        time_limit=job.time_limit,
        framework_version=batch.framework_version,
        python_version=batch.python_version,
        device_name=device_name,
        precision=batch.precision,
        ran_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        changes=changes,
        drivers=drivers,
        elsewhere=elsewhere or {},
    )

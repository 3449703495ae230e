"""A machine of a cluster: it says what it offers and runs the batches that it is sent.

To Dask it is an ordinary worker. Examples run in worker processes of ours, as in a local build.
"""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import distributed

from optabs.errors import OptabsError
from optabs.evidence import hide_folders
from optabs.records import Record
from optabs.run.cluster.connection import CONNECT_SECONDS, explain_failure, import_distributed
from optabs.run.cluster.machines import (
    ANNOUNCEMENT,
    Offer,
    write_announcement,
)
from optabs.run.cluster.runner import TOPIC
from optabs.run.pool import (
    START_SECONDS,
    Batch,
    Ended,
    Event,
    Finished,
    Job,
    Lane,
    Pool,
    Resolved,
    Started,
    Unavailable,
    make_batch,
    stop_lanes,
)
from optabs.run.targets import Target
from optabs.run.worker_process import WorkerDied, WorkerProcess, WorkerSpec

# Longer than a message takes from this process to the scheduler.
TELL_SECONDS = 0.2
_SERVICE = "optabs"
_STALE = "has changed since it joined (start `optabs worker` there again)"


def find_offers(targets: Iterable[Target]) -> tuple[list[Offer], list[str]]:
    """Start a worker of each target, all side by side; returns what can be offered, and why not.

    A worker tells whether its framework can really use the device.
    """
    offers, reasons = [], []
    workers: list[tuple[Target, WorkerProcess]] = []
    try:
        for target in targets:
            name = f"{target.framework} on {target.device}"
            if target.local_spec is None:
                reasons.append(f"{name}: {target.reason}")
                continue
            try:
                workers.append((target, WorkerProcess(target.local_spec)))
            except OSError as error:
                python = target.local_spec.python
                reasons.append(f"{name}: {python} cannot be started: {error.strerror}")
        for target, worker in workers:
            try:
                message = worker.receive(START_SECONDS)
                device_name = str(message["ready"]["device_name"])
            except (WorkerDied, TimeoutError, KeyError, TypeError) as error:
                is_told = isinstance(error, KeyError | TypeError)
                reason = message.get("failed") if is_told else f"its worker {error or 'hangs'}"
                reasons.append(f"{target.framework} on {target.device}: {reason}")
            else:
                offers.append(_make_offer(target, device_name))
            worker.close()
    finally:
        for _, worker in workers:
            worker.close()
    return offers, reasons


def _make_offer(target: Target, device_name: str) -> Offer:
    return Offer(
        target.framework,
        target.device,
        target.identity or "",
        target.method,
        target.precision,
        target.framework_version,
        target.python_version,
        device_name,
        target.driver,
    )


class ShareService(distributed.WorkerPlugin):
    """Runs the shares of batches that the Dask worker it is plugged into gets."""

    name = _SERVICE

    def __init__(
        self,
        find: Callable[[], Sequence[Target]],
        folders: dict[Path, str],
        say: Callable[[str], None],
    ) -> None:
        """`find` looks for this machine's targets anew; `folders` are not named in records."""
        self.find = find
        self.folders = folders
        self.say = say
        self.worker: Any = None
        self.ending = False
        self.running: dict[str, list[Lane]] = {}
        self.cancelled: set[str] = set()
        self.looking = threading.Lock()
        """Held while targets are looked for: shares are run in threads, and some CPythons raise
        SystemError where two of them parse Python code at once (gh-106905)."""

    def setup(self, worker: Any) -> None:
        """Remember whom to tell; Dask calls this."""
        self.worker = worker

    def teardown(self, worker: Any) -> None:
        """End all that runs; Dask calls this."""
        self.stop()

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """End what nobody waits for any more: its build was interrupted, say. Dask calls this."""
        if start == "executing" and finish == "released":
            self.cancelled.add(str(key))
            self.end(str(key))

    def end(self, share: str) -> None:
        """End the workers of a share."""
        for lane in self.running.get(share, ()):
            lane.stop()

    def stop(self) -> None:
        """End all that runs."""
        self.ending = True
        for share in list(self.running):
            self.end(share)

    def run(self, text: str) -> None:
        """Run a share and tell of each example. This is called in a thread of Dask's."""
        order = json.loads(text)
        share = str(order["share"])
        jobs = tuple(Job(**{**each, "names": tuple(each["names"])}) for each in order["jobs"])
        started, self.running[share] = time.monotonic(), []
        try:
            batch = self.make_batch(order, jobs)
            done, failure = (
                self.run_batch(share, batch, order["suspects"]) if batch else (0, _STALE)
            )
            if self.ending:
                failure = "was stopped"
            if failure:
                self.tell(share, failed=failure)
            elif share not in self.cancelled:
                self.tell(share, done=True)
            ending = f": {failure}" if failure else ": cancelled" * (share in self.cancelled)
            self.say(
                f"{order['framework']} on {order['device']}: {done} of {len(jobs)} examples run, "
                f"{time.monotonic() - started:.1f} s{ending}"
            )
        except OptabsError as error:  # its interpreter is not there any more, say
            self.tell(share, failed=f"cannot run it: {error.message}")
            self.say(f"{order['framework']} on {order['device']}: {error.message}")
        except Exception as error:  # a fault of ours: who waits for it is told, too
            self.tell(share, failed=f"failed: {type(error).__name__}: {error}")
            raise
        finally:
            self.cancelled.discard(share)
            del self.running[share]

    def tell(self, share: str, **message: Any) -> None:
        """Tell the build that has sent a share."""
        self.worker.log_event(TOPIC, {"share": share, "text": json.dumps(message)})

    def make_batch(self, order: Mapping[str, Any], jobs: tuple[Job, ...]) -> Batch | None:
        """Return what is to be run, or None where this machine has changed since it joined."""
        with self.looking:
            targets = self.find()
        for target in targets:
            found = (target.framework, target.device, target.identity)
            if found == (order["framework"], order["device"], order["identity"]) and target.spec:
                return make_batch(target, jobs, tuple(order["apis"]))
        return None

    def run_batch(self, share: str, batch: Batch, suspects: int) -> tuple[int, str]:
        """Return how many examples were run, and why not all were, if so.

        The first ones are `suspects`, with which a machine may have been lost: each runs alone, and
        is told before, so that it is known which one it was if this machine is lost as well.
        """
        alone = [replace(batch, jobs=(job,), apis=()) for job in batch.jobs[:suspects]]
        together = replace(batch, jobs=batch.jobs[suspects:])
        done = 0
        for part in [*alone, together]:
            if part is not together:
                self.tell(share, started=part.jobs[0].key)
                time.sleep(TELL_SECONDS)
            for event in self.run_part(share, part):
                match event:
                    case Started() if part is together:
                        self.tell(share, started=event.job.key)
                    case Finished():
                        done += 1
                        self.tell(share, finished=self.hide_folders(event).to_json())
                    case Resolved():
                        self.tell(share, resolved=event.found)
                    case Unavailable():
                        return done, f"cannot run it: {event.reason}"
        return done, ""

    def run_part(self, share: str, part: Batch) -> Iterator[Event]:
        """Yield what happens while a part of a share runs, until it is done or cancelled."""
        events: queue.SimpleQueue[Event | Ended] = queue.SimpleQueue()
        lanes = self.running[share] = Pool([part], size=1).start(events.put)
        if self.ending or share in self.cancelled:
            self.end(share)
        try:
            while not isinstance(event := events.get(), Ended):
                yield event
            if event.error is not None:
                raise event.error
        finally:
            stop_lanes(lanes)

    def hide_folders(self, event: Finished) -> Record:
        """Return a record that does not name this machine's folders."""
        spec = event.batch.spec
        assert isinstance(spec, WorkerSpec)
        own = {spec.python.absolute().parent.parent: "<python>"}
        return hide_folders(event.record, {**self.folders, **own})


def run_share(text: str) -> None:
    """Run what a build sends; the task of Dask's that does so calls this on the machine."""
    service = distributed.get_worker().plugins[_SERVICE]
    assert isinstance(service, ShareService)
    service.run(text)


def serve(scheduler: str, name: str, offers: Sequence[Offer], service: ShareService) -> bool:
    """Join a scheduler and run what comes until interrupted (True) or until it is gone (False).

    Raises:
        OptabsError: the scheduler cannot be joined.
    """
    with tempfile.TemporaryDirectory(prefix="optabs-worker-") as folder:
        return asyncio.run(_serve(scheduler, name, offers, service, folder))


async def _serve(
    scheduler: str, name: str, offers: Sequence[Offer], service: ShareService, folder: str
) -> bool:
    announcement = write_announcement(offers, import_distributed().__version__)
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    try:
        worker = await distributed.Worker(
            scheduler,
            name=name,
            nthreads=max(1, len(offers)),
            resources={each.resource: 1 for each in offers},
            plugins=(service,),
            startup_information={ANNOUNCEMENT: lambda worker: announcement},
            local_directory=folder,
            memory_limit=0,  # examples are bounded in processes of their own
            death_timeout=CONNECT_SECONDS,
        )
    except Exception as error:  # of many kinds, and from whoever listens there
        raise _explain_joining(scheduler, name, error) from error
    service.say(f"{name} has joined {scheduler}")
    waiting = {asyncio.ensure_future(each) for each in (interrupted.wait(), worker.finished())}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    service.stop()
    while service.running:  # they say why they end
        await asyncio.sleep(0.02)
    await worker.close()
    for each in waiting:
        each.cancel()
    return interrupted.is_set()


def _explain_joining(scheduler: str, name: str, error: Exception) -> OptabsError:
    if "name taken" in f"{error} {error.__cause__}":
        return OptabsError(
            f"a machine has joined {scheduler} under the name {name!r} already",
            "give this one another name: --name",
        )
    return explain_failure(scheduler, error)

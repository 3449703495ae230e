"""A machine of a cluster: it says what it offers and runs the batches that it is sent.

To Dask it is an ordinary worker. Examples run in worker processes of ours, as in a local build.
"""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import distributed

from optabs.errors import OptabsError
from optabs.evidence import hide_folders
from optabs.run.cluster.connection import CONNECT_SECONDS, explain_failure, import_distributed
from optabs.run.cluster.machines import (
    ANNOUNCEMENT,
    Offer,
    write_announcement,
)
from optabs.run.cluster.runner import TOPIC
from optabs.run.pool import (
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
    stop_lanes,
)
from optabs.run.targets import Target
from optabs.run.worker_process import WorkerDied, WorkerProcess

START_SECONDS = 300.0
_SERVICE = "optabs"


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

    def setup(self, worker: Any) -> None:
        """Remember whom to tell; Dask calls this."""
        self.worker = worker

    def teardown(self, worker: Any) -> None:
        """End all that runs; Dask calls this."""
        self.stop()

    def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
        """End what nobody waits for any more: its build was interrupted, say. Dask calls this."""
        if finish == "cancelled":
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

        def tell(**message: Any) -> None:
            self.worker.log_event(TOPIC, {"share": share, "text": json.dumps(message)})

        jobs = tuple(Job(**{**each, "names": tuple(each["names"])}) for each in order["jobs"])
        wanted = (order["framework"], order["device"], order["identity"])
        target = next(
            (
                each
                for each in self.find()
                if (each.framework, each.device, each.identity) == wanted and each.local_spec
            ),
            None,
        )
        if target is None:
            tell(failed="has changed since it joined (start `optabs worker` there again)")
            return
        assert target.local_spec
        batch = Batch(
            target.framework,
            target.device,
            target.local_spec,
            target.framework_version,
            target.python_version,
            target.precision,
            jobs,
            tuple(order["apis"]),
        )
        folders = {**self.folders, target.local_spec.python.absolute().parent.parent: "<python>"}
        started, done, failure = time.monotonic(), 0, ""
        events: queue.SimpleQueue[Event | Ended] = queue.SimpleQueue()
        lanes = Pool([batch], size=1).start(events.put)
        self.running[share] = lanes
        if self.ending or share in self.cancelled:
            self.end(share)
        try:
            while not isinstance(event := events.get(), Ended):
                match event:
                    case Started():
                        tell(started=event.job.key)
                    case Finished():
                        done += 1
                        tell(finished=hide_folders(event.record, folders).to_json())
                    case Resolved():
                        tell(resolved=event.found)
                    case Unavailable():
                        failure = f"cannot run it: {event.reason}"
        finally:
            del self.running[share]
            stop_lanes(lanes)
        if event.error is not None:
            failure = f"failed: {type(event.error).__name__}: {event.error}"
        if self.ending:
            failure = "was stopped"
        if failure:
            tell(failed=failure)
        elif share not in self.cancelled:
            tell(done=True)
        ending = f": {failure}" if failure else ": cancelled" if share in self.cancelled else ""
        self.cancelled.discard(share)
        self.say(
            f"{target.framework} on {target.device}: {done} of {len(jobs)} examples run, "
            f"{time.monotonic() - started:.1f} s{ending}"
        )


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
    for number in (signal.SIGINT, signal.SIGTERM):
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

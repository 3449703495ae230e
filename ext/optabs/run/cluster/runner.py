"""Running batches where their targets say: on the machines of a cluster, here, or both.

A machine gets its share of a batch as one task of Dask's, and tells of each example as soon as it
has run. What a machine does not finish goes to another one, or is run here.
"""

from __future__ import annotations

import json
import queue
import time
import uuid
import warnings
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any

from optabs.errors import OptabsError
from optabs.records import Error, Outcome, Record
from optabs.run.cluster.connection import (
    CONNECT_SECONDS,
    explain_failure,
    import_distributed,
)
from optabs.run.cluster.machines import Machine, Offer, explain_refusal, read_machines
from optabs.run.pool import (
    Batch,
    Ended,
    Event,
    Finished,
    Job,
    Lane,
    Notice,
    Pool,
    Resolved,
    Started,
    Unavailable,
    make_record,
    stop_lanes,
)
from optabs.run.warm import WarmWorkers
from optabs.run.worker_process import ClusterSpec

TOPIC = "optabs"
"""Of the events in which machines tell what happens; the scheduler keeps some of the last ones."""
# Starting a worker costs more than a few examples do.
SMALLEST_SHARE = 8
LOOK_SECONDS = 1.0
# So many machines may be lost while they run the same example.
MAX_LOSSES = 2
# What a machine said last may be lost with it: it was at one of the next few examples.
MAX_SUSPECTS = 5
# The scheduler unpickles tasks. As it need not have Optabs, this one is a builtin function and
# text, of which only the machine makes something of ours.
_TASK = "__import__('optabs.run.cluster.worker', fromlist=['run_share']).run_share(share)"


def run_batches(batches: Sequence[Batch], warm: WarmWorkers) -> Generator[Event, None, None]:
    """Yield what happens until all is run. Closing the iterator ends all that runs."""
    if any(isinstance(batch.spec, ClusterSpec) for batch in batches):
        return _ClusterRun(batches, warm).run()
    return Pool(batches, warm).run()


@dataclass
class _Share:
    """What one machine is to run of a batch, and has not yet."""

    batch: Batch
    machine: Machine
    offer: Offer
    todo: deque[Job]
    apis: tuple[str, ...]
    tried: frozenset[str]
    """The addresses of the machines that had it before."""
    future: Any = None
    running: Job | None = None
    failure: str = ""
    """Why the machine gave it up."""

    @property
    def rest(self) -> Batch:
        return replace(self.batch, jobs=tuple(self.todo), apis=self.apis)

    def __str__(self) -> str:
        return f"{self.batch.framework} on {self.batch.device}"


@dataclass(frozen=True)
class _Told:
    """A message of a machine."""

    share: str
    text: str


@dataclass(frozen=True)
class _Done:
    """Dask says that a task has ended, somehow."""

    share: str


class _ClusterRun:
    """One run of some batches."""

    def __init__(self, batches: Sequence[Batch], warm: WarmWorkers) -> None:
        self.batches = batches
        self.warm = warm
        self.inbox: queue.SimpleQueue[Event | Ended | _Told | _Done] = queue.SimpleQueue()
        self.client: Any = None
        self.version = ""
        """That of `distributed` here."""
        self.shares: dict[str, _Share] = {}
        self.here: list[Batch] = []
        """What waits to be run on this machine."""
        self.lanes: list[Lane] = []
        self.working = 0
        """How many of the lanes have not ended."""
        self.is_lost = False
        """Whether the scheduler did not answer."""
        self.losses: Counter[str] = Counter()
        """How many machines were lost with an example, by its key."""
        self.looked = time.monotonic()

    def run(self) -> Generator[Event, None, None]:
        """See `run_batches`."""
        try:
            yield from self.connect()
            for batch in self.batches:
                yield from self.distribute(batch)
            while self.shares or self.here or self.working:
                self.start_lanes()
                yield from self.take()
                if time.monotonic() - self.looked > LOOK_SECONDS:
                    yield from self.look_after()
        finally:
            self.stop()

    def connect(self) -> Iterator[Event]:
        """Connect to the scheduler; without one, all is run here that can be."""
        specs = (batch.spec for batch in self.batches)
        address = next(spec.scheduler for spec in specs if isinstance(spec, ClusterSpec))
        try:
            self.version = import_distributed().__version__
            self.client = _open_client(address)
            self.client.subscribe_topic(TOPIC, self.on_event)
        except OptabsError as error:
            yield Notice(error.message)

    def stop(self) -> None:
        """End all that runs, here and there."""
        stop_lanes(self.lanes)
        if self.client is not None:
            with suppress(Exception):  # the scheduler may be gone, and then nothing is to be done
                if self.is_connected:
                    self.client.cancel([share.future for share in self.shares.values()])
                self.client.close(timeout=CONNECT_SECONDS)

    # --- placing ----------------------------------------------------------------------------------

    def distribute(self, batch: Batch) -> Iterator[Event]:
        """Give each machine that can run a batch its share, and this one, if it can."""
        spec = batch.spec
        if not isinstance(spec, ClusterSpec):
            self.here.append(batch)
            return
        machines = self.find_machines(batch)
        places = [*([None] if spec.local else ()), *machines]
        if not places:
            yield Unavailable(batch, "no machine of the cluster that has it is reached")
        count = min(len(places), max(1, len(batch.jobs) // SMALLEST_SHARE))
        for number, place in enumerate(places[:count]):
            part = replace(batch, jobs=batch.jobs[number::count], apis=() if number else batch.apis)
            if place is None:
                self.here.append(_localise(part))
            else:
                yield from self.submit(part, place)

    def find_machines(self, batch: Batch) -> list[Machine]:
        """Return the machines that can run a batch, the least busy first."""
        busy = Counter(share.machine.address for share in self.shares.values())
        found = [
            machine
            for machine in self.list_machines()
            if _find_offer(machine, batch) and not explain_refusal(machine, self.version)
        ]
        return sorted(found, key=lambda machine: busy[machine.address])

    def list_machines(self) -> list[Machine]:
        """Return the machines that are there now; none where the scheduler is not."""
        if self.is_connected:
            with suppress(Exception):  # it may have gone this moment
                return read_machines(self.client.scheduler_info()["workers"])
        self.is_lost = True
        return []

    @property
    def is_connected(self) -> bool:
        return self.client is not None and self.client.status == "running" and not self.is_lost

    def submit(
        self, batch: Batch, machine: Machine, tried: frozenset[str] = frozenset()
    ) -> Iterator[Event]:
        """Send a share to a machine."""
        offer = _find_offer(machine, batch)
        assert offer
        name = f"optabs-{uuid.uuid4().hex}"
        share = _Share(batch, machine, offer, deque(batch.jobs), batch.apis, tried)
        self.shares[name] = share
        order = {
            "share": name,
            "framework": batch.framework,
            "device": batch.device,
            "identity": offer.identity,
            "jobs": [asdict(job) for job in batch.jobs],
            "apis": batch.apis,
            # These run alone, one after the other, so that it is known which one it is.
            "suspects": len([*takewhile(lambda job: self.losses[job.key], batch.jobs)]),
        }
        try:
            # Dask must not send it elsewhere: only what has not been run is to be run again.
            share.future = self.client.submit(
                eval,
                _TASK,
                {"share": json.dumps(order)},
                key=name,
                pure=False,
                workers=[machine.address],
                allow_other_workers=False,
                resources={offer.resource: 1},
            )
            share.future.add_done_callback(lambda future: self.inbox.put(_Done(name)))
        except Exception as error:  # the connection broke just now
            yield from self.pass_on(name, f"{machine.name} is not reached: {error}")

    def pass_on(self, name: str, reason: str) -> Iterator[Event]:
        """Have another machine, or this one, run what is left of a share."""
        share = self.shares.pop(name)
        rest = share.rest
        if not rest.jobs and not rest.apis:
            return
        tried = share.tried | {share.machine.address}
        others = [each for each in self.find_machines(rest) if each.address not in tried]
        assert isinstance(rest.spec, ClusterSpec)
        if others:
            yield Notice(f"{reason}; {others[0].name} goes on with {share}")
            yield from self.submit(rest, others[0], tried)
        elif rest.spec.local:
            yield Notice(f"{reason}; this machine goes on with {share}")
            self.here.append(_localise(rest))
        else:
            yield Unavailable(rest, f"{reason}, and no other machine of the cluster has it")

    def start_lanes(self) -> None:
        """Run what waits for this machine, once it is idle."""
        if self.here and not self.working:
            batches, self.here = self.here, []
            self.lanes = Pool(batches, self.warm).start(self.inbox.put)
            self.working = len(self.lanes)

    # --- what happens -----------------------------------------------------------------------------

    def on_event(self, event: tuple[float, Any]) -> None:
        """Take an event of the scheduler's; this is called in the client's own thread."""
        message = event[1]
        if isinstance(message, dict):
            self.inbox.put(_Told(str(message.get("share")), str(message.get("text"))))

    def take(self) -> Iterator[Event]:
        """Wait a moment for what happens next, and yield it."""
        try:
            message = self.inbox.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return
        match message:
            case Ended():
                self.working -= 1
                if message.error is not None:
                    raise message.error
            case _Told():
                if share := self.shares.get(message.share):  # else it is another build's
                    yield from self.hear(share, message)
            case _Done():
                yield from self.look_after()
                if share := self.shares.get(message.share):
                    text = share.failure or "did not run all that it was sent"
                    yield from self.pass_on(message.share, f"{share.machine.name} {text}")
            case _:
                yield message

    def hear(self, share: _Share, told: _Told) -> Iterator[Event]:
        """Yield the events that a machine tells of."""
        try:
            match json.loads(told.text):
                case {"started": str()}:
                    share.running = share.todo[0]
                    yield Started(share.batch, share.running)
                case {"finished": str(text)}:
                    record = Record.from_json(text)
                    _check_record(record, share)
                    share.todo.popleft()
                    share.running = None
                    yield Finished(share.batch, record)
                case {"resolved": dict(found)}:
                    known = {name: found[name] for name in found if name in share.apis}
                    yield Resolved(share.batch, known)
                case {"failed": str(reason)}:
                    share.failure = reason
                case {"done": True}:
                    share.apis = ()
                case _:
                    raise ValueError(told.text)
        except (ValueError, KeyError, TypeError, IndexError):
            share.future.cancel()
            reason = f"{share.machine.name} said something else than it was asked"
            yield from self.pass_on(told.share, reason)

    def look_after(self) -> Iterator[Event]:
        """Pass on the shares of those who are gone."""
        self.looked = time.monotonic()
        if not self.shares:
            return
        present = {machine.address for machine in self.list_machines()}
        for name, share in list(self.shares.items()):
            if self.is_lost:
                yield from self.pass_on(name, "the scheduler is gone")
            elif share.machine.address not in present:
                if not share.failure:
                    yield from self.note_loss(share)
                text = share.failure or "has left the cluster"
                yield from self.pass_on(name, f"{share.machine.name} {text}")

    def note_loss(self, share: _Share) -> Iterator[Event]:
        """Give an example up with which machines are lost again and again."""
        job = share.running
        # Only of one that ran alone is it known that nothing else ran.
        is_known = job is not None and self.losses[job.key] > 0
        suspects = [job] if job and is_known else [*share.todo][:MAX_SUSPECTS]
        self.losses.update(each.key for each in suspects)
        if job is None or self.losses[job.key] < MAX_LOSSES:
            return
        share.todo.popleft()
        message = f"{MAX_LOSSES} machines of the cluster were lost while they ran this example"
        device = (share.offer.device_name, share.offer.driver)
        error = Error("Crash", message)
        record = make_record(share.batch, job, device, Outcome.CRASHED, error)
        yield Finished(share.batch, record)


def _open_client(address: str) -> Any:
    distributed = import_distributed()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python versions may differ
            return distributed.Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False, name="optabs"
            )
    except Exception as error:  # whatever may listen there, and say
        raise explain_failure(address, error) from error


def _localise(batch: Batch) -> Batch:
    """Return a batch as this machine's own pool runs it."""
    assert isinstance(batch.spec, ClusterSpec) and batch.spec.local
    return replace(batch, spec=batch.spec.local)


def _find_offer(machine: Machine, batch: Batch) -> Offer | None:
    assert isinstance(batch.spec, ClusterSpec)
    return machine.find_offer(batch.framework, batch.device, batch.spec.identity)


def _check_record(record: Record, share: _Share) -> None:
    """Raise ValueError for the record of something else than the example that is to be run next."""
    job, batch = share.todo[0], share.batch
    expected = (job.key, job.claim, job.operation, job.case, batch.framework, batch.device)
    found = (record.key, record.claim, record.operation, record.case)
    if (*found, record.framework, record.device) != expected:
        raise ValueError(record.key)

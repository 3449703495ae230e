"""What machines of a cluster offer, and what that makes of a build's targets."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from optabs.run.targets import Target
from optabs.run.worker_process import ClusterSpec
from optabs.version import __version__

ANNOUNCEMENT = "optabs"
"""Under this name a machine's announcement stands in what the scheduler knows of it."""


@dataclass(frozen=True)
class Offer:
    """A framework on a device of a machine, as its worker found it; `identity` as in Target."""

    framework: str
    device: str
    identity: str
    method: str
    precision: str
    framework_version: str
    python_version: str
    device_name: str

    @property
    def resource(self) -> str:
        """The name of Dask's resource for it. A machine has one: one batch of it runs at a time."""
        return f"optabs:{self.framework}:{self.device}"


@dataclass(frozen=True)
class Machine:
    """A machine that has joined; `address` is that of its Dask worker."""

    address: str
    name: str
    optabs: str
    distributed: str
    offers: tuple[Offer, ...]

    def find_offer(self, framework: str, device: str, identity: str) -> Offer | None:
        """Return its offer of just that, if there is one."""
        wanted = (framework, device, identity)
        for offer in self.offers:
            if (offer.framework, offer.device, offer.identity) == wanted:
                return offer
        return None


def write_announcement(offers: Iterable[Offer], distributed: str) -> str:
    """Return what a machine says of itself when it joins; `distributed` is that version there."""
    return json.dumps(
        {
            "optabs": __version__,
            "distributed": distributed,
            "offers": [asdict(offer) for offer in offers],
        }
    )


def read_machines(workers: Mapping[str, Mapping[str, Any]]) -> list[Machine]:
    """Return those of a scheduler's Dask workers that have announced what they offer, by name."""
    found = []
    for address, worker in workers.items():
        try:
            said = json.loads(worker[ANNOUNCEMENT])
            offers = tuple(_read_offer(each) for each in said["offers"])
            name, optabs, distributed = worker["name"], said["optabs"], said["distributed"]
        except (KeyError, TypeError, ValueError):
            continue  # an ordinary worker of Dask
        found.append(Machine(address, str(name), str(optabs), str(distributed), offers))
    return sorted(found, key=lambda machine: machine.name)


def _read_offer(data: Mapping[str, Any]) -> Offer:
    return Offer(**{each.name: str(data[each.name]) for each in fields(Offer)})


def explain_refusal(machine: Machine, distributed: str) -> str:
    """Return why a machine cannot take part, if so; `distributed` is its version here."""
    for package, there, here in (
        ("Optabs", machine.optabs, __version__),
        ("distributed", machine.distributed, distributed),
    ):
        if there != here:
            return (
                f"{machine.name} is left out: it has {package} {there}, and this build {here}; "
                "install the same version there and start `optabs worker` again"
            )
    return ""


def join_targets(
    targets: Sequence[Target],
    machines: Iterable[Machine],
    selected: Collection[str],
    scheduler: str,
) -> tuple[list[Target], list[str]]:
    """Return the targets of this machine and a cluster, and what a person should know of them.

    A machine helps with a target of this machine where its offer has the same identity. Where this
    machine cannot run a framework on a device, the cluster's offer is the target.
    """
    samples = {each.framework: each for each in targets if each.framework in selected}
    found = {(each.framework, each.device): each for each in targets}
    usable: dict[tuple[str, str], dict[str, list[tuple[str, Offer]]]] = {}
    notices = []
    for machine in machines:
        other = []
        for offer in machine.offers:
            sample = samples.get(offer.framework)
            if sample and sample.method != offer.method:
                other.append(offer.framework)
            elif sample:
                same = usable.setdefault((offer.framework, offer.device), {})
                same.setdefault(offer.identity, []).append((machine.name, offer))
        if other:
            notices.append(
                f"{machine.name} is left out for {', '.join(sorted(set(other)))}: its worker or "
                "adapter is not that of this build; bring it to the same commit and start "
                "`optabs worker` there again"
            )
    for key, by_identity in usable.items():
        own = found.get(key)
        if own and own.local_spec:
            if own.identity in by_identity:
                spec = ClusterSpec(scheduler, own.identity, own.local_spec)
                found[key] = replace(own, spec=spec)
            continue
        # Most machines first; of as many, the newest version.
        (_, offer), *_ = chosen = max(
            by_identity.values(),
            key=lambda same: (len(same), same[0][1].framework_version, same[0][1].identity),
        )
        names = {name for name, _ in chosen}
        left_out = {name for same in by_identity.values() for name, _ in same} - names
        if left_out:
            notices.append(
                f"{offer.framework} on {offer.device} is not the same on all machines, so "
                f"{', '.join(sorted(names))} is used and {', '.join(sorted(left_out))} is not; "
                "install the same versions there"
            )
        found[key] = Target(
            offer.framework,
            offer.device,
            offer.precision,
            offer.identity,
            offer.framework_version,
            offer.python_version,
            ClusterSpec(scheduler, offer.identity),
            method=offer.method,
            wanted_version=offer.framework_version,
        )
    return list(found.values()), notices

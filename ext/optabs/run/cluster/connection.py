"""Reaching a Dask scheduler: its library, its address, and who has joined it."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from optabs.errors import OptabsError
from optabs.run.cluster.machines import explain_refusal, join_targets, read_machines
from optabs.run.targets import Target

CONNECT_SECONDS = 5.0


def import_distributed() -> Any:
    """Return the module `distributed`, which then logs nothing: what matters is told by us.

    Raises:
        OptabsError: it is not installed, or its configuration is damaged.
    """
    try:
        module = importlib.import_module("distributed")
        dask = importlib.import_module("dask")
    except ImportError as error:
        raise OptabsError(
            f"a cluster needs the package `distributed`, which cannot be imported here: {error}",
            "install it beside Optabs: pip install 'optabs[cluster]'",
        ) from error
    except Exception as error:  # Dask reads its configuration when it is imported
        raise OptabsError(
            f"`distributed` does not start here: {str(error).strip()}",
            "mend Dask's configuration: https://docs.dask.org/en/stable/configuration.html",
        ) from error
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:g}s"})
    return module


def check_address(address: str) -> None:
    """Raise OptabsError for what cannot be the address of a scheduler."""
    if not re.fullmatch(r"(tcp|tls)://(\[[\da-fA-F:.%]+\]|[\w.-]+):\d+", address):
        raise OptabsError(
            f"{address!r} is no address of a Dask scheduler",
            "write tcp://HOST:PORT or tls://HOST:PORT, as `dask scheduler` prints it",
        )


def ask_workers(address: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what a scheduler knows of its Dask workers, by their addresses.

    Raises:
        OptabsError: there is no such scheduler, or it does not answer.
    """
    import asyncio  # it takes a while, and few ask

    check_address(address)
    distributed = import_distributed()

    async def ask() -> Any:
        security = distributed.Security().get_connection_args("client")
        async with distributed.rpc(
            address, connection_args=security, timeout=CONNECT_SECONDS
        ) as scheduler:
            return await asyncio.wait_for(scheduler.identity(n_workers=-1), CONNECT_SECONDS)

    try:
        return dict(asyncio.run(ask())["workers"])
    except Exception as error:  # whatever may listen there, and say
        raise explain_failure(address, error) from error


def explain_failure(address: str, error: Exception) -> OptabsError:
    """Return the error for a person."""
    cause = str(error.__cause__ or error).strip() or f"no answer within {CONNECT_SECONDS:g} s"
    cause = re.sub(r"^in <[^>]*>: ", "", cause.splitlines()[0])  # an object of `distributed`
    if isinstance(error, FileNotFoundError):  # which one it is, Python does not say
        cause = "a certificate or key that Dask's configuration names is not there"
    return OptabsError(
        f"the scheduler {address} cannot be used: {cause}",
        "look whether it runs and is reachable from here, and whether both have the same version "
        "of `distributed` and, for tls://, certificates of the same authority",
    )


def join_cluster(
    scheduler: str, targets: Sequence[Target], selected: Collection[str]
) -> tuple[list[Target], list[str]]:
    """Return the targets of this machine and of a cluster, and what a person should know of them.

    A scheduler that is not reached is one of these things.

    Raises:
        OptabsError: the address is none, or `distributed` is not installed.
    """
    check_address(scheduler)
    version = import_distributed().__version__
    try:
        machines = read_machines(ask_workers(scheduler))
    except OptabsError as error:
        return list(targets), [f"{error.message}; all runs here\n{error.hint}"]
    if not machines:
        hint = f"start `optabs worker {scheduler}` on one"
        return list(targets), [f"no machine has joined the scheduler {scheduler}; {hint}"]
    refusals = {machine.address: explain_refusal(machine, version) for machine in machines}
    usable = [machine for machine in machines if not refusals[machine.address]]
    joined, notices = join_targets(targets, usable, selected, scheduler)
    return joined, [*filter(None, refusals.values()), *notices]

"""What the installed frameworks call an op: APIs that exist, with their signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from optabs.apis import ApiFact
from optabs.catalog.model import Op, Variant
from optabs.draft.names import fold_name, spell_name
from optabs.errors import Place
from optabs.frameworks import Framework, Registry
from optabs.ledger import Ledger
from optabs.plan import Options, Plan, make_plan
from optabs.run.pool import Event
from optabs.run.targets import Target
from optabs.run.warm import WarmWorkers
from optabs.verify import Report, Tally, judge_plan, run_plan

Watching = Callable[[Plan], AbstractContextManager[Callable[[Event], None]]]
"""Given a plan, who is told of its events while it runs."""
MOST_APIS = 3
"""How many names of a framework are tried."""


@dataclass(frozen=True)
class Machine:
    """What runs things: the frameworks that can be run here, and where it is remembered."""

    registry: Registry
    targets: Sequence[Target]
    """The CPU of each framework that can be run."""
    reference: Target
    ledger: Ledger
    warm: WarmWorkers
    """Keeps its workers: names are looked up and calls tried by the same ones."""

    @property
    def frameworks(self) -> tuple[Framework, ...]:
        """The frameworks that can be run, in tab order."""
        return tuple(self.registry.frameworks[each.framework] for each in self.targets)

    def run(self, ops: Sequence[Op], watch: Watching) -> tuple[Plan, Report]:
        """Run what the ledger does not know of some ops; returns the plan, and what came of it."""
        options = Options(("cpu",), _TIME_LIMIT)
        plan = make_plan(
            ops, self.registry, self.targets, self.reference, self.ledger, options, self.warm.start
        )
        with watch(plan) as tell:
            run_plan(plan, self.registry, self.ledger, tell, self.warm)
        return plan, judge_plan(plan, self.ledger, Tally())


_TIME_LIMIT = 20.0


@dataclass(frozen=True)
class Api:
    """A name that exists in a framework."""

    name: str
    fact: ApiFact

    @property
    def is_class(self) -> bool:
        """Whether it has to be constructed first."""
        return self.fact.called is not None


@dataclass(frozen=True)
class Findings:
    """What was found of an op, by framework."""

    apis: Mapping[str, list[Api]]
    """The likeliest first; functions before classes."""
    near: Mapping[str, list[str]]
    """Names that are alike, where there is none."""
    unavailable: Mapping[str, str]
    """Why a framework could not be looked into."""


def look_up(name: str, machine: Machine, watch: Watching) -> Findings:
    """Look a name up in every framework, in the spellings and modules where it may stand."""
    wanted = {
        framework.key: [
            f"{module}.{spelt}" for spelt in spell_name(name) for module in framework.modules
        ]
        for framework in machine.frameworks
    }
    facts, unavailable = _resolve(wanted, machine, watch)
    near = {key: _list_near(names, facts, key) for key, names in wanted.items()}
    # Of another spelling, or elsewhere in the framework: then its signature is still to be read.
    same = {
        key: [
            _shorten_root(each, machine.registry.frameworks[key])
            for each in near[key]
            if fold_name(each.rpartition(".")[2]) == fold_name(name) and not each.endswith("_")
        ][:MOST_APIS]
        for key, names in wanted.items()
        if not any(facts[key, each].exists for each in names if (key, each) in facts)
    }
    if any(same.values()):
        more, _ = _resolve(same, machine, watch)
        facts |= more
        wanted |= {key: names for key, names in same.items() if names}
    apis = {key: _list_apis(names, facts, key) for key, names in wanted.items()}
    return Findings(apis, {key: near[key] for key in near if not apis[key]}, unavailable)


def _resolve(
    wanted: Mapping[str, Sequence[str]], machine: Machine, watch: Watching
) -> tuple[dict[tuple[str, str], ApiFact], dict[str, str]]:
    """Return the facts about names, and why frameworks are unavailable."""
    # An op has one API of each framework, so there are as many ops as the longest list has names.
    ops = [
        Op(
            "lookup",
            place := Place("lookup", number + 1),
            Path("lookup"),
            variants={
                key: Variant(key, place, api=names[number])
                for key, names in wanted.items()
                if number < len(names)
            },
        )
        for number in range(max(map(len, wanted.values()), default=0))
    ]
    plan, report = machine.run(ops, watch)
    return dict(report.apis), {key: reason for (key, _), reason in plan.unavailable.items()}


def _list_near(
    names: Sequence[str], facts: Mapping[tuple[str, str], ApiFact], key: str
) -> list[str]:
    found = (facts[key, name].nearest for name in names if (key, name) in facts)
    return list(dict.fromkeys(near for nearest in found for near in nearest))


def _list_apis(
    names: Sequence[str], facts: Mapping[tuple[str, str], ApiFact], key: str
) -> list[Api]:
    known = [Api(name, facts[key, name]) for name in names if (key, name) in facts]
    existing = [api for api in known if api.fact.exists]
    return sorted(existing, key=lambda api: api.is_class)[:MOST_APIS]


def _shorten_root(api: str, framework: Framework) -> str:
    """Return a full name as entries write it: `tf.abs`, where modules are named so."""
    for module in framework.modules:
        root = module.partition(".")[0]
        full = framework.expand_api(root)
        if api.startswith(f"{full}."):
            return f"{root}{api[len(full) :]}"
    return api

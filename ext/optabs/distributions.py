"""Judging random draws, whose values nobody can foretell, by their distribution.

What is measured is the largest distance between the distribution function of the draws and the
exact one. Dvoretzky, Kiefer and Wolfowitz bound it, for independent draws from any distribution,
continuous or not: it exceeds e with a probability of at most 2 exp(-2 n e²) (Massart's constant).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from statistics import NormalDist

ALPHA = 1e-6
"""The probability that right draws are found wrong; seeds are fixed, so it is met once or never."""

MIN_DRAWS = 1000
"""With fewer, the bound would let through what is plainly wrong."""

BOUND = "bound of Dvoretzky, Kiefer and Wolfowitz"
MEANING = (
    "Random draws are judged by their distribution: the error is the largest distance between the "
    "distribution function of the {count} draws and the exact one; right draws are farther away "
    f"with a probability of at most {ALPHA:g}."
)

# Binary digits of the significand.
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24}


@dataclass(frozen=True)
class Distribution:
    """A distribution: P(draw <= x) for x within the support, which reaches from `low` to `high`."""

    name: str
    function: Callable[[float], float]
    low: float = -math.inf
    high: float = math.inf
    has_high: bool = True
    """Whether `high` itself belongs to the support."""
    is_whole: bool = False
    """Whether only whole numbers do."""

    @property
    def support(self) -> str:
        """The support in words."""
        if self.is_whole:
            return f"the whole numbers from {self.low:g} to {self.high:g}"
        if self.low == -math.inf and self.high == math.inf:
            return "the finite numbers"
        return f"[{self.low:g}, {self.high:g}{']' if self.has_high else ')'}"

    def round_bounds(self, dtype: str) -> Distribution:
        """Return the distribution with its bounds as a dtype holds them."""
        return replace(self, low=_round(self.low, dtype), high=_round(self.high, dtype))

    def holds(self, draw: float) -> bool:
        """Whether a draw lies in the support."""
        return (
            math.isfinite(draw)
            and (self.low <= draw <= self.high)
            and (self.has_high or draw < self.high)
            and (not self.is_whole or draw == int(draw))
        )


def bound_distance(count: int) -> float:
    """Return how far `count` right draws may be from their distribution."""
    return math.sqrt(math.log(2 / ALPHA) / (2 * count))


def measure_distance(draws: Sequence[float], distribution: Distribution) -> float:
    """Return the largest distance between the distribution function of some draws and the exact.

    All draws must lie in the support. Both functions are looked at just before and at each draw:
    between two of them the one is constant and the other rises.
    """
    ordered, count, function = sorted(draws), len(draws), distribution.function
    at = below = [function(draw) for draw in ordered]
    if distribution.is_whole:
        low = distribution.low
        below = [function(draw - 1) if draw > low else 0.0 for draw in ordered]
    # Of equal draws, the first counts below them and the last at them.
    behind = max(exact - rank / count for rank, exact in enumerate(below))
    ahead = max(rank / count - exact for rank, exact in enumerate(at, 1))
    return max(behind, ahead)


def make_distribution(kind: str, parameters: Mapping[str, Sequence[float]]) -> Distribution:
    """Return a distribution; each parameter is one number or, for `probabilities`, a list of them.

    Raises:
        ValueError: there is no such distribution with these parameters.
    """
    arguments: dict[str, float | Sequence[float]] = {}
    for name, values in parameters.items():
        if name == "probabilities":
            arguments[name] = values
        elif len(values) == 1 and math.isfinite(values[0]):
            arguments[name] = values[0]
        else:
            raise ValueError(f"`{name}` of a distribution is one finite number")
    written = ", ".join(
        f"{name} {', '.join(f'{value:g}' for value in values)}"
        for name, values in parameters.items()
    )
    return replace(MAKERS[kind](**arguments), name=f"{kind.replace('_', ' ')} ({written})")


def make_uniform(low: float, high: float) -> Distribution:
    """Between `low` and `high`, which is not included."""
    _demand(low < high, "`low` must be less than `high`")
    return Distribution("", lambda x: (x - low) / (high - low), low, high, has_high=False)


def make_normal(mean: float, std: float) -> Distribution:
    """Around `mean` with the standard deviation `std`."""
    _demand(std > 0, "`std` must be above 0")
    return Distribution("", NormalDist(mean, std).cdf)


def make_truncated_normal(mean: float, std: float, low: float, high: float) -> Distribution:
    """The draws of a normal distribution that lie between `low` and `high`."""
    _demand(std > 0, "`std` must be above 0")
    _demand(low < high, "`low` must be less than `high`")
    whole = NormalDist(mean, std).cdf
    below = whole(low)
    share = whole(high) - below
    _demand(share > 0, "no draw lies between `low` and `high`")
    return Distribution("", lambda x: (whole(x) - below) / share, low, high)


def make_bernoulli(p: float) -> Distribution:
    """1 (or true) with the probability `p`, else 0."""
    _demand(0 <= p <= 1, "`p` must be from 0 to 1")
    return make_categorical((1 - p, p))


def make_categorical(probabilities: Sequence[float]) -> Distribution:
    """The indices of `probabilities`."""
    _demand(
        all(each >= 0 for each in probabilities) and abs(sum(probabilities) - 1) < 1e-6,
        "`probabilities` must not be negative, and add up to 1",
    )
    sums = tuple(accumulate(probabilities))
    return Distribution("", lambda x: sums[int(x)], 0, len(sums) - 1, is_whole=True)


def make_integers(low: float, high: float) -> Distribution:
    """The whole numbers from `low` to `high`, which is not included, all equally likely."""
    _demand(low < high and low == int(low) and high == int(high), "whole numbers, `low` < `high`")
    return Distribution("", lambda x: (x - low + 1) / (high - low), low, high - 1, is_whole=True)


def make_gumbel(location: float, scale: float) -> Distribution:
    """The largest of many: exp(-exp(-z)) at z = (x - location) / scale."""
    _demand(scale > 0, "`scale` must be above 0")
    # Beyond 700 the inner power leaves the floats; the outer one is 0 long before.
    return Distribution("", lambda x: math.exp(-math.exp(min((location - x) / scale, 700.0))))


def make_exponential(rate: float) -> Distribution:
    """The time until what happens `rate` times per unit of it; its mean is 1 / rate."""
    _demand(rate > 0, "`rate` must be above 0")
    return Distribution("", lambda x: -math.expm1(-rate * x), 0.0)


MAKERS: Mapping[str, Callable[..., Distribution]] = {
    "uniform": make_uniform,
    "normal": make_normal,
    "truncated_normal": make_truncated_normal,
    "bernoulli": make_bernoulli,
    "categorical": make_categorical,
    "integers": make_integers,
    "gumbel": make_gumbel,
    "exponential": make_exponential,
}
"""By name in the catalogue."""


def _demand(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)


def _round(value: float, dtype: str) -> float:
    """Return the number of a floating dtype that is nearest to a bound."""
    if dtype not in _DIGITS or not math.isfinite(value):
        return value
    fraction, exponent = math.frexp(value)
    digits = _DIGITS[dtype]
    return math.ldexp(round(math.ldexp(fraction, digits)), exponent - digits)

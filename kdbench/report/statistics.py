"""What a handful of seeds can say: means, 95 % intervals, paired differences, tests, and how many seeds would say more.

Thin wrappers on numpy, scipy and statsmodels. With fewer than two values, or equal ones, there is no spread to go by,
so no interval and no test: NaN. (On few test images three seeds may well differ by one image each, which is no proof.)
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
POWER = 0.8
MOST_SEEDS = 10_000
NO_SPREAD = 1e-9  # of differences that rounding alone keeps apart


@dataclass(frozen=True)
class Sample:
    """Mean, standard deviation (n - 1) and the 95 % t-interval of the mean of ``n`` values, in their unit."""

    n: int
    mean: float
    sd: float
    low: float
    high: float

    @property
    def has_spread(self) -> bool:
        """Whether there is an interval, and a test."""
        return not math.isnan(self.low)

    def holds(self, value: float) -> bool:
        """Whether the interval holds ``value``; false where there is no interval."""
        return self.low <= value <= self.high

    def p(self, value: float, alternative: Literal["two-sided", "greater", "less"] = "two-sided") -> float:
        """The p-value of Student's one-sample t-test against the mean ``value``; NaN where there is no spread."""
        if not self.has_spread:
            return float("nan")
        t = (self.mean - value) / (self.sd / math.sqrt(self.n))
        above, below = stats.t.sf(t, self.n - 1), stats.t.cdf(t, self.n - 1)
        return float({"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[alternative])


def sample(values: Sequence[float]) -> Sample:
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n < 2:
        return Sample(n, float(array[0]) if n else float("nan"), *[float("nan")] * 3)
    mean, sd = float(array.mean()), float(array.std(ddof=1))
    if sd < NO_SPREAD:
        return Sample(n, mean, 0.0, float("nan"), float("nan"))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * stats.sem(array))
    return Sample(n, mean, sd, mean - reach, mean + reach)


def pooled(samples: Iterable[Sample]) -> Sample:
    """One spread of several samples, whatever their means: of as many degrees of freedom as they have together."""
    known = [each for each in samples if each.has_spread]
    freedom = sum(each.n - 1 for each in known)
    if not freedom:
        return sample([])
    variance = sum((each.n - 1) * each.sd**2 for each in known) / freedom
    return Sample(freedom + 1, float("nan"), math.sqrt(variance), float("nan"), float("nan"))


def paired_difference(first: Mapping[int, float], second: Mapping[int, float]) -> Sample:
    """``first`` minus ``second``, each a value by seed, over the seeds both have."""
    return sample([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])


def mcnemar_p(first: np.ndarray, second: np.ndarray) -> float:
    """McNemar's exact two-sided p-value of two learners' correctness, bool [N] each, on the same N images."""
    from statsmodels.stats.contingency_tables import mcnemar

    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} and {second.shape} are not the same images")
    table = [
        [int(np.sum(first & second)), int(np.sum(first & ~second))],
        [int(np.sum(~first & second)), int(np.sum(~first & ~second))],
    ]
    return float(mcnemar(table, exact=True).pvalue)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number so that of what is called significant 5 % at most is expected to be wrong.

    Benjamini and Hochberg 1995, "Controlling the false discovery rate". NaN, where nothing was tested, stays and does
    not count.
    """
    from statsmodels.stats.multitest import multipletests

    found = np.array(p_values, dtype=np.float64)
    known = ~np.isnan(found)
    if known.any():
        found[known] = multipletests(found[known], alpha=LEVEL, method="fdr_bh")[1]
    return found.tolist()


def seeds_needed(effect: float, sd: float, test: str = "above") -> int | None:
    """Seeds with which t-tests at the 5 % level have 80 % power at this spread ``sd`` of paired differences.

    The power to see a difference of ``effect``; of the test "no worse", to see that none is as far below, and of
    "comparable", on neither side, where there is no difference. None where there is no spread to go by, no effect, or
    more than 10,000 would be needed.
    """
    if not effect or not sd > 0:
        return None
    size, sides = abs(effect) / sd, 1 if test in ("no worse", "comparable") else 2
    # Comparable: both one-sided tests must see it, each of which fails as often.
    enough = 1 - (1 - POWER) / 2 if test == "comparable" else POWER
    low, high = 2, 2
    while power(size, high, sides) < enough:
        low, high = high + 1, 2 * high
        if low > MOST_SEEDS:
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(size, middle, sides) >= enough else (middle + 1, high)
    return low


def power(size: float, n: int, sides: int) -> float:
    """The power of a t-test at the 5 % level, of one or two ``sides``, of ``n`` values whose mean is ``size`` spreads.

    To see it on the side where it is: statsmodels adds the other side, and gives NaN where the mean is far from 0.
    """
    return float(stats.nct.sf(stats.t.ppf(1 - LEVEL / sides, n - 1), n - 1, size * math.sqrt(n)))


def chance_between(first: Sample, second: Sample) -> float:
    """How far apart a single run of each would lie by chance alone, with 95 % probability; NaN without a spread.

    Welch's t with Satterthwaite's degrees of freedom: the two spreads are estimates from few runs themselves.
    """
    if min(first.n, second.n) < 2:
        return float("nan")
    variance = first.sd**2 + second.sd**2
    if variance == 0:
        return 0.0
    freedom = variance**2 / (first.sd**4 / (first.n - 1) + second.sd**4 / (second.n - 1))
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * math.sqrt(variance))


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error in percent: the mean gap between confidence and accuracy, over bins of confidence.

    ``confidence`` of the predicted class in 0..1 and ``correct`` bool, both [N]. Guo et al. 2017, equation 3.
    """
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    # The sums of a bin's gaps, so that its share of the images is in it already.
    gaps = stats.binned_statistic(confidence, confidence - correct, "sum", bins=bins, range=(0, 1)).statistic
    return float(100 * np.abs(gaps).sum() / len(confidence))

"""What a handful of seeds can say: means, 95 % intervals, paired differences and McNemar's test.

Thin wrappers on numpy, scipy and statsmodels. With fewer than two values there is no spread and no interval: NaN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """Mean, standard deviation (n - 1) and the 95 % t-interval of the mean of ``n`` values, in their unit."""

    n: int
    mean: float
    sd: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the interval holds ``value``; false where there is no interval."""
        return self.low <= value <= self.high


def sample(values: Sequence[float]) -> Sample:
    array = np.asarray(values, dtype=np.float64)
    n = len(array)
    if n < 2:
        return Sample(n, float(array[0]) if n else float("nan"), *[float("nan")] * 3)
    mean, sd = float(array.mean()), float(array.std(ddof=1))
    # ppf rather than t.interval, which is NaN where all values are equal
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * stats.sem(array))
    return Sample(n, mean, sd, mean - reach, mean + reach)


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

"""Intervals and tests, against values worked out by hand or printed in textbooks."""

import math

import numpy as np
import pytest
from scipy import stats

from kdbench.report.statistics import mcnemar_p, paired_difference, sample


def correctness(both: int, first_only: int, second_only: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, True, False, False], [both, first_only, second_only, neither])
    second = np.repeat([True, False, True, False], [both, first_only, second_only, neither])
    return first, second


def test_the_interval_of_three_values_is_the_textbooks_t_interval():
    found = sample([61.0, 62.0, 63.0])
    assert (found.n, found.mean, found.sd) == (3, 62.0, 1.0)
    reach = 4.302652729911275 / math.sqrt(3)  # t of 2 degrees of freedom at 97.5 %
    assert (found.low, found.high) == pytest.approx((62 - reach, 62 + reach), abs=1e-9)


def test_the_interval_is_that_of_a_one_sample_t_test():
    values = [0.3, -1.2, 2.5, 0.9, 1.1]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    found = sample(values)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_one_seed_has_a_mean_but_no_spread_and_no_interval():
    found = sample([61.0])
    assert (found.n, found.mean) == (1, 61.0)
    assert all(map(math.isnan, (found.sd, found.low, found.high)))
    assert not found.holds(61.0)


def test_no_seeds_have_no_mean():
    assert sample([]).n == 0
    assert math.isnan(sample([]).mean)


def test_equal_values_have_an_interval_of_no_width():
    found = sample([2.0, 2.0, 2.0])
    assert (found.sd, found.low, found.high) == (0.0, 2.0, 2.0)


def test_differences_pair_by_seed_and_skip_seeds_only_one_side_has():
    found = paired_difference({3: 70.0, 1: 61.0, 2: 63.0}, {1: 60.0, 2: 60.0, 7: 0.0})
    assert (found.n, found.mean) == (2, 2.0)
    assert found.sd == pytest.approx(math.sqrt(2))


def test_mcnemar_of_many_discordant_images_is_the_exact_binomial_test_too():
    # Agresti, Categorical Data Analysis: approval of a prime minister at two surveys, 794 / 150 / 86 / 570.
    expected = 2 * sum(math.comb(236, lost) for lost in range(87)) / 2**236
    assert mcnemar_p(*correctness(794, 150, 86, 570)) == pytest.approx(expected, rel=1e-9)


def test_as_many_gained_as_lost_images_tell_nothing():
    assert mcnemar_p(*correctness(50, 40, 40, 20)) == 1.0


def test_mcnemar_of_few_discordant_images_is_the_exact_binomial_test():
    assert mcnemar_p(*correctness(50, 1, 9, 40)) == pytest.approx(2 * (1 + 10) / 2**10)


def test_learners_that_agree_on_every_image_are_not_told_apart():
    assert mcnemar_p(*correctness(60, 0, 0, 40)) == 1.0


def test_mcnemar_refuses_learners_with_different_images():
    with pytest.raises(ValueError, match="not the same images"):
        mcnemar_p(np.ones(3, dtype=bool), np.ones(4, dtype=bool))

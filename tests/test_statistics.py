"""Intervals and tests, against values worked out by hand or printed in textbooks."""

import math

import numpy as np
import pytest
from scipy import stats

from kdbench.report.statistics import (
    adjusted,
    calibration_error,
    chance_between,
    mcnemar_p,
    paired_difference,
    pooled,
    power,
    sample,
    seeds_needed,
)


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


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_values_are_those_of_the_one_sample_t_test(alternative):
    values = [0.3, -1.2, 2.5, 0.9, 1.1]
    for mean in (0.0, 2.0, -3.0):
        expected = stats.ttest_1samp(values, mean, alternative=alternative).pvalue
        assert sample(values).p(mean, alternative) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0], [61.1 - 60.8, 71.1 - 70.8, 81.1 - 80.8]])
def test_without_a_spread_there_is_no_interval_and_no_test(values):
    found = sample(values)
    assert all(map(math.isnan, (found.low, found.high, found.p(0.0))))
    assert not found.holds(found.mean)


def test_adjusted_p_values_are_those_of_benjamini_and_hochbergs_example():
    # Their table of 15 p-values: four are rejected at a false discovery rate of 5 %.
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    found = adjusted(values)
    assert sum(p < 0.05 for p in found) == 4
    assert found[3] == pytest.approx(0.0095 * 15 / 4)
    assert adjusted([]) == []


def test_seeds_needed_are_the_textbooks():
    # Cohen 1988: a medium effect, d = 0.5, needs 34 pairs at the 5 % level and 80 % power.
    assert seeds_needed(0.5, 1.0) == 34
    assert seeds_needed(-0.5, 1.0) == 34
    assert seeds_needed(50.0, 1.0) == 2
    assert seeds_needed(1e-6, 1.0) is None
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, float("nan")) is None


def test_seeds_needed_of_large_effects_are_those_of_drawn_studies():
    random = np.random.default_rng(3)
    for size in (1.9, 3.0, 4.47, 6.0, 12.0):
        needed = seeds_needed(size, 1.0)

        def seen(n, size=size):
            return np.mean(stats.ttest_1samp(random.normal(size, 1.0, (20_000, n)), 0, axis=1).pvalue < 0.05)

        assert seen(needed) > 0.79
        assert needed == 2 or seen(needed - 1) < 0.81


def test_power_is_a_number_however_far_the_mean_lies():
    sizes = np.geomspace(0.2, 60, 80)
    assert all(0 <= power(size, n, sides) <= 1 for size in sizes for n in (2, 3, 5, 40) for sides in (1, 2))


def test_what_was_not_tested_stays_so_and_does_not_count():
    corrected = adjusted([0.01, float("nan"), 0.04])
    assert math.isnan(corrected[1])
    assert [corrected[0], corrected[2]] == pytest.approx(adjusted([0.01, 0.04]))
    assert adjusted([]) == [] and math.isnan(adjusted([float("nan")])[0])


@pytest.mark.parametrize("test", ["comparable", "no worse"])
def test_seeds_needed_to_exclude_a_difference_exclude_it_in_four_studies_of_five(test):
    margin, needed = 1.0, seeds_needed(1.0, 1.2, test)
    studies = [sample(row) for row in np.random.default_rng(1).normal(0.0, 1.2, (4000, needed))]
    above, below = (
        [study.p(side, tail) < 0.05 for study in studies] for side, tail in ((-margin, "greater"), (margin, "less"))
    )
    excluded = np.array(above) & (np.array(below) | (test == "no worse"))
    assert 0.78 < excluded.mean() < 0.85


def test_two_runs_lie_further_apart_by_chance_than_said_in_one_pair_of_twenty():
    random, apart, said = np.random.default_rng(2), [], []
    for _ in range(4000):
        first, second = random.normal(0.0, 1.0, 6), random.normal(0.0, 3.0, 4)
        said.append(chance_between(sample(first[:-1]), sample(second[:-1])))
        apart.append(abs(first[-1] - second[-1]))
    assert 0.03 < np.mean(np.array(apart) > said) < 0.08
    assert math.isnan(chance_between(sample([1.0]), sample([1.0, 2.0])))
    assert chance_between(sample([1.0, 1.0]), sample([1.0, 1.0])) == 0.0


def test_the_calibration_error_weighs_each_bins_gap_by_its_images():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, False])
    # Two bins: four images at 95 % of which 75 % are right, two at 55 % of which 50 %.
    expected = 100 * (4 / 6 * 0.20 + 2 / 6 * 0.05)
    assert calibration_error(confidence, correct) == pytest.approx(expected)
    assert calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0.0


def test_a_pooled_spread_is_that_of_all_deviations_from_their_own_means():
    one, other = [1.0, 2.0, 6.0], [70.0, 71.0]
    away = np.concatenate([np.array(values) - np.mean(values) for values in (one, other)])
    found = pooled([sample(one), sample(other), sample([5.0])])
    assert found.sd == pytest.approx(math.sqrt((away**2).sum() / 3))
    assert found.n == 4 and math.isnan(found.mean) and not found.has_spread
    assert pooled([sample([5.0]), sample([])]).n == 0

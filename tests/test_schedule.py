"""The simulated wall time of a study: list scheduling on small graphs whose answers are known."""

import itertools

import pytest

from kdbench.schedule import Job, critical_path, makespan, ways_to_go

DIAMOND = {"a": Job(2), "b": Job(3, ("a",)), "c": Job(5, ("a",)), "d": Job(1, ("b", "c"))}


@pytest.mark.parametrize(("processors", "seconds"), [(1, 11), (2, 8), (3, 8), (100, 8)])
def test_a_diamond_takes_all_its_time_on_one_and_its_longest_way_on_many(processors, seconds):
    assert makespan(DIAMOND, processors) == seconds


def test_the_longest_way_is_the_critical_path():
    assert critical_path(DIAMOND) == ["a", "c", "d"]
    assert ways_to_go(DIAMOND) == {"a": 8, "b": 4, "c": 6, "d": 1}


def test_the_job_with_the_longest_way_to_go_comes_first():
    jobs = {"short": Job(1), "long": Job(4), "first": Job(1), "after": Job(4, ("first",))}
    assert makespan(jobs, 2) == 5  # first and long begin; short waits for the end of long


def test_independent_jobs_are_dealt_out_evenly():
    jobs = {f"job{number}": Job(10) for number in range(12)}
    assert [makespan(jobs, processors) for processors in (1, 2, 3, 4, 5, 12, 50)] == [120, 60, 40, 30, 30, 10, 10]


def test_no_number_of_processors_beats_the_critical_path_or_an_even_share():
    jobs = {"0": Job(3.0)}
    for number in range(1, 40):
        parents = {str((number * factor) % number) for factor in (7, 11)} if number % 3 else set()
        jobs[str(number)] = Job(1.0 + number % 5, tuple(parents))
    longest = sum(jobs[name].seconds for name in critical_path(jobs))
    total = sum(job.seconds for job in jobs.values())
    times = [makespan(jobs, processors) for processors in range(1, 41)]
    assert times[0] == pytest.approx(total)
    assert times[-1] == pytest.approx(longest)
    for processors, seconds in enumerate(times, start=1):
        assert seconds >= max(longest, total / processors) - 1e-9
        assert seconds <= longest + total / processors  # Graham's bound on list scheduling
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(times[::8]))

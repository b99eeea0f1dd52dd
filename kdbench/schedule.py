"""How long a set of jobs takes on so many processors: list scheduling, the job with the longest way to go first."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Job:
    """A job's length in seconds and the names of the jobs that must be done before it."""

    seconds: float
    parents: tuple[str, ...] = ()


def ways_to_go(jobs: Mapping[str, Job]) -> dict[str, float]:
    """For each job the seconds of the longest chain that starts with it."""
    children: dict[str, list[str]] = {name: [] for name in jobs}
    for name, job in jobs.items():
        for parent in job.parents:
            children[parent].append(name)
    ways: dict[str, float] = {}
    for name in reversed(in_order(jobs)):
        ways[name] = jobs[name].seconds + max((ways[child] for child in children[name]), default=0.0)
    return ways


def in_order(jobs: Mapping[str, Job]) -> list[str]:
    """The jobs' names, parents before children; raises graphlib.CycleError where there is no such order."""
    return list(TopologicalSorter({name: job.parents for name, job in jobs.items()}).static_order())


def critical_path(jobs: Mapping[str, Job]) -> list[str]:
    """The chain of jobs that takes longest: no number of processors makes the whole faster than it."""
    ways = ways_to_go(jobs)
    path: list[str] = []
    candidates = list(jobs)
    while candidates:
        path.append(max(candidates, key=lambda name: ways[name]))
        candidates = [name for name, job in jobs.items() if path[-1] in job.parents]
    return path


def makespan(jobs: Mapping[str, Job], processors: int) -> float:
    """Seconds until all jobs are done by ``processors``, each doing one at a time."""
    ways = ways_to_go(jobs)
    waiting = {name: len(set(job.parents)) for name, job in jobs.items()}
    children: dict[str, list[str]] = {name: [] for name in jobs}
    for name, job in jobs.items():
        for parent in set(job.parents):
            children[parent].append(name)
    ready = [(-ways[name], name) for name, number in waiting.items() if number == 0]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < processors:
            name = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + jobs[name].seconds, name))
        now, done = heapq.heappop(running)
        for child in children[done]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(ready, (-ways[child], child))
    return now

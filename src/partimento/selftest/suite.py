"""The self-test: planted faults and healthy twins over seeds, examined by the doctor and others.

A healthy twin is the same small task with the same seed and nothing wrong; it is trained once for
each task and seed.  Nothing is written to the disk.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from partimento.core.config import close_matches
from partimento.core.errors import ConfigError
from partimento.core.progress import Progress
from partimento.doctor.settings import flat
from partimento.selftest.interface import Fault
from partimento.selftest.outcome import Bench, Outcome, Request, run_one
from partimento.selftest.overhead import Overhead, overhead_of
from partimento.selftest.recovery import Noise, Treatment, recovered, treatment_of
from partimento.selftest.summary import FaultRow, HealthyRow, SelfTest, summary

TEST_SEEDS = (0, 1, 2, 3, 4)
"""Seeds of the reported figures; none of them chose a threshold."""
THRESHOLD_SEEDS = tuple(range(100, 110))
"""Seeds on which thresholds were fixed: figures on these are no test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What is run."""

    faults: Sequence[Fault]
    bench: Bench
    """Small tasks by name, and checks."""


def self_test(
    *,
    quick: bool = False,
    seeds: str | Sequence[int] | None = None,
    jobs: int = 1,
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> SelfTest:
    """Run the planted faults and their healthy twins, and count what the doctor finds.

    ``seeds``: numbers, or a text such as ``0-4`` or ``0,2``; default 0 to 4, ``quick``: 0 alone.
    ``only``: names of faults or tasks, or beginnings of them.  ``jobs``: processes.

    Raises ConfigError for seeds that cannot be read or names that fit no fault.
    """
    from partimento.selftest.faults import FAULTS, small_tasks

    suite = Suite(faults=chosen(FAULTS, only), bench=Bench(tasks=small_tasks()))
    numbers = seed_numbers(seeds) or ((0,) if quick else TEST_SEEDS)
    return run_suite(suite, numbers, jobs=jobs, quick=quick, progress=progress)


def run_suite(
    suite: Suite,
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    quick: bool = False,
    measure_overhead: bool = True,
    progress: Progress | None = None,
) -> SelfTest:
    """:func:`self_test` of any faults and small tasks.

    Raises ConfigError for fewer than one process, no seeds, or no faults.
    """
    if jobs < 1 or not seeds or not suite.faults:
        raise ConfigError("a self-test needs a process, a seed and a fault", where="self-test")
    tasks = list(dict.fromkeys(fault.task for fault in suite.faults))
    twins = {(t, s): Request.of(t, {}, s) for t in tasks for s in seeds}
    sick = {(f.name, s): Request.of(f.task, f.settings, s) for f in suite.faults for s in seeds}
    with _runner(suite.bench, jobs, progress) as run:
        found = run([*twins.values(), *sick.values()])
        healthy = {key: found[request] for key, request in twins.items()}
        plans = _treatments(suite, sick, found)
        treated = run([plan.request for plan in plans.values()])
    noise = {
        task: Noise.of([one for (name, _), one in healthy.items() if name == task])
        for task in tasks
    }
    rows = [
        _row(fault, seed, found[sick[fault.name, seed]], healthy, noise, plans, treated)
        for fault in suite.faults
        for seed in seeds
    ]
    costs = _overheads(suite, tasks, seeds[0], quick) if measure_overhead else {}
    return summary(
        rows=rows,
        healthy=[HealthyRow(task, seed, one) for (task, seed), one in healthy.items()],
        overheads=costs,
        seeds=seeds,
        threshold_seeds=THRESHOLD_SEEDS,
        quick=quick,
    )


def chosen(faults: Iterable[Fault], only: Sequence[str] | None) -> list[Fault]:
    """The faults whose name or task begins with one of ``only``; all without it.

    Raises ConfigError for a name that fits none.
    """
    known = list(faults)
    if not only:
        return known
    for name in only:
        if not any(_fits(fault, name) for fault in known):
            names = [fault.name for fault in known] + [fault.task for fault in known]
            raise ConfigError(
                f"there is no fault {name!r} ({close_matches(name, set(names))})", where="--only"
            )
    return [fault for fault in known if any(_fits(fault, name) for name in only)]


def _fits(fault: Fault, name: str) -> bool:
    return fault.task == name or fault.name.startswith(name)


def seed_numbers(seeds: str | Sequence[int] | None) -> tuple[int, ...]:
    """Seeds as numbers, each once.

    Raises ConfigError for a text that is no list of numbers and ranges.

    >>> seed_numbers("0-2,7")
    (0, 1, 2, 7)
    """
    if seeds is None:
        return ()
    if not isinstance(seeds, str):
        return tuple(dict.fromkeys(seeds))
    found: list[int] = []
    for part in seeds.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ConfigError(
                f"{seeds!r} is no list of seeds", where="--seeds", fix="Write 0-4 or 0,2,7"
            )
        found += range(int(first), int(last or first) + 1)
    return tuple(dict.fromkeys(found))


# -- running -----------------------------------------------------------------------------------

Run = Callable[[Sequence[Request]], dict[Request, Outcome]]


@contextmanager
def _runner(bench: Bench, jobs: int, progress: Progress | None) -> Iterator[Run]:
    """A function that runs requests, each once, here or in processes of one thread each."""
    known: dict[Request, Outcome] = {}
    if jobs == 1:
        with _one_thread():
            yield partial(
                _run_all, known, progress, lambda todo: map(partial(run_one, bench), todo)
            )
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_start_worker, initargs=(bench,)) as pool:
        yield partial(_run_all, known, progress, lambda todo: pool.map(_work, todo))


def _run_all(
    known: dict[Request, Outcome],
    progress: Progress | None,
    work: Callable[[list[Request]], Iterable[Outcome]],
    requests: Sequence[Request],
) -> dict[Request, Outcome]:
    todo = [request for request in dict.fromkeys(requests) if request not in known]
    for number, (request, outcome) in enumerate(zip(todo, work(todo), strict=True), start=1):
        known[request] = outcome
        if progress is not None:
            progress(number, len(todo), f"{request.task}, seed {request.seed}")
    return {request: known[request] for request in requests}


_bench: Bench | None = None
"""Of a worker process."""


def _start_worker(bench: Bench) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = bench


def _work(request: Request) -> Outcome:
    if _bench is None:
        raise RuntimeError("the worker was not started with a bench")
    return run_one(_bench, request)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _treatments(
    suite: Suite, sick: Mapping[tuple[str, int], Request], found: Mapping[Request, Outcome]
) -> dict[tuple[str, int], Treatment]:
    """For each detected sick run what its first finding says to change."""
    plans = {}
    for key, request in sick.items():
        outcome = found[request]
        if outcome.alarms:
            defaults = flat(suite.bench.tasks[request.task].healthy)
            plan = treatment_of(request, outcome.alarms[0], outcome.config, defaults)
            if plan is not None:
                plans[key] = plan
    return plans


def _row(
    fault: Fault,
    seed: int,
    sick: Outcome,
    healthy: Mapping[tuple[str, int], Outcome],
    noise: Mapping[str, Noise],
    plans: Mapping[tuple[str, int], Treatment],
    treated: Mapping[Request, Outcome],
) -> FaultRow:
    plan = plans.get((fault.name, seed))
    after = treated[plan.request] if plan is not None else None
    cured = bool(
        after is not None and sick.alarms and recovered(noise[fault.task], after, sick.alarms[0])
    )
    return FaultRow(
        fault=fault,
        seed=seed,
        sick=sick,
        twin=healthy[fault.task, seed],
        noise=noise[fault.task],
        treatment=plan,
        treated=after,
        recovered=cured,
    )


def _overheads(suite: Suite, tasks: Sequence[str], seed: int, quick: bool) -> dict[str, Overhead]:
    """Cost of the monitor on each small task's model, here and with one thread."""
    costs = {}
    with _one_thread():
        for task in tasks:
            probe = suite.bench.tasks[task].run({}, seed, watched=False).probe
            if probe is not None:
                costs[task] = overhead_of(probe, pairs=4 if quick else 8)
    return costs

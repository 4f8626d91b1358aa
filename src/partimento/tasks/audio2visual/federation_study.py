"""Federations within this process: one run, the centralised twin, folds and seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from partimento.core.progress import Progress
from partimento.tasks.audio2visual.federation_adapter import (
    LocalTraining,
    scores,
    start_weights,
    train_locally,
)
from partimento.tasks.audio2visual.federation_config import Federation
from partimento.tasks.audio2visual.federation_embedding import WIDTH
from partimento.tasks.audio2visual.federation_node import Heard, node_of, read_clips
from partimento.tasks.audio2visual.federation_server import Outcome, Server
from partimento.training.federated_exchange import Fault, LocalExchange

Log = Callable[[dict[str, Any]], None]


def held_out(federation: Federation) -> Heard:
    """The clips that all strategies are judged on."""
    classes = federation.classes
    return read_clips(federation.recipe.evaluation, classes, classes)


def planted_faults(federation: Federation) -> tuple[Fault, ...]:
    """The faults of the recipe."""
    return tuple(Fault(f.node, f.round, f.kind) for f in federation.recipe.faults)


def simulate(federation: Federation, log: Log | None = None) -> Outcome:
    """The federation within this process, without Flower."""
    nodes = [node_of(federation, node.name) for node in federation.nodes]
    exchange = LocalExchange(nodes, planted_faults(federation))
    return Server(federation, exchange, held_out(federation), log).run()


def centralised(federation: Federation) -> list[float]:
    """Accuracy after each round's worth of epochs where one place has all clips.

    The same adapter, start, step size and epochs; mean and spread of the same clips.
    """
    recipe, classes = federation.recipe, federation.classes
    parts = [read_clips(node.data, classes, node.classes) for node in federation.nodes]
    x_ND = np.concatenate([part.x_ND for part in parts])
    label_N = np.concatenate([part.label_N for part in parts])
    mean_D, std_D = x_ND.mean(0), x_ND.std(0)
    std_D = np.where(std_D > 1e-6, std_D, 1.0)
    judge = held_out(federation)
    rng = np.random.default_rng(recipe.seed)
    weights = start_weights(WIDTH, recipe.hidden, len(classes), rng)
    first = federation.nodes[0]
    how = LocalTraining(first.local_epochs, first.batch_size, recipe.rate)
    curve = []
    for number in range(1, recipe.rounds + 1):
        order = np.random.default_rng([first.seed, number])
        weights, _ = train_locally(weights, (x_ND - mean_D) / std_D, label_N, how, order)
        found_N = scores(weights, (judge.x_ND - mean_D) / std_D).argmax(1)
        curve.append(float(np.mean(found_N == judge.label_N)))
    return curve


def with_fold(federation: Federation, fold: int, seed: int) -> Federation:
    """The same federation with ``fold`` held out and all seeds moved by ``seed``."""
    every = {*federation.recipe.evaluation.folds}
    every |= {fold for node in federation.nodes for fold in node.data.folds}
    others = sorted(every - {fold})
    nodes = [
        node.model_copy(
            update={
                "data": node.data.model_copy(update={"folds": others}),
                "seed": node.seed + 1000 * seed,
            }
        )
        for node in federation.nodes
    ]
    recipe = federation.recipe
    judge = recipe.evaluation.model_copy(update={"folds": [fold]})
    recipe = recipe.model_copy(update={"evaluation": judge, "seed": recipe.seed + seed})
    return Federation(recipe=recipe, nodes=nodes)


def cross_validate(
    federation: Federation, seeds: Sequence[int] = (0,), progress: Progress | None = None
) -> dict[str, Any]:
    """Federated against centralised accuracy with each fold held out in turn, for each seed.

    Means over folds, their spread over folds, and over seeds; ``ratio`` is the ratio of the means.
    """
    folds = sorted(
        {*federation.recipe.evaluation.folds, *(f for n in federation.nodes for f in n.data.folds)}
    )
    cases = [(fold, seed) for seed in seeds for fold in folds]
    fed, central = [], []
    for done, (fold, seed) in enumerate(cases):
        one = with_fold(federation, fold, seed)
        fed.append(simulate(one).rows[-1]["pooled_accuracy"])
        central.append(centralised(one)[-1])
        if progress is not None:
            progress(done + 1, len(cases), "folds and seeds")
    fed_SF = np.array(fed).reshape(len(seeds), len(folds))
    central_SF = np.array(central).reshape(len(seeds), len(folds))
    return {
        "folds": folds,
        "seeds": list(seeds),
        "federated": _spread(fed_SF),
        "centralised": _spread(central_SF),
        "ratio": float(fed_SF.mean() / central_SF.mean()),
        "ratio_of_seed": (fed_SF.mean(1) / central_SF.mean(1)).tolist(),
    }


def _spread(value_SF: np.ndarray) -> dict[str, Any]:
    return {
        "mean": float(value_SF.mean()),
        "std_over_folds": float(value_SF.mean(0).std()),
        "std_over_seeds": float(value_SF.mean(1).std()),
        "of_fold": value_SF.mean(0).tolist(),
    }

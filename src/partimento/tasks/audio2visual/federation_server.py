"""The server's side of a federation: rounds, trust, and what each round is worth.

Written against :class:`~partimento.training.federated_exchange.Exchange`, so that the same code
runs within one process and over Flower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.tasks.audio2visual.federation_adapter import log_softmax, scores, start_weights
from partimento.tasks.audio2visual.federation_config import AVERAGED, Federation
from partimento.tasks.audio2visual.federation_embedding import WIDTH
from partimento.tasks.audio2visual.federation_node import Heard
from partimento.training.federated_exchange import NO_ANSWER, Exchange, Reply, Request
from partimento.training.federated_rules import (
    Arrays,
    ServerRule,
    as_float16,
    as_float32,
    fault_of,
    too_long,
    weighted_mean,
)

Log = Callable[[dict[str, Any]], None]
MOST_CLIPS = 1e7
LEAST_SPREAD = 1e-6


@dataclass
class Outcome:
    """What a federation has come to."""

    weights: Arrays = field(repr=False)
    """The shared adapter; empty where none is shared."""
    mean_D: np.ndarray = field(repr=False)
    std_D: np.ndarray = field(repr=False)
    rows: list[dict[str, Any]] = field(default_factory=list)
    """One row per round."""


class Server:
    """Runs the rounds of one federation."""

    def __init__(
        self, federation: Federation, exchange: Exchange, held_out: Heard, log: Log | None = None
    ) -> None:
        self.federation, self.recipe = federation, federation.recipe
        self.exchange, self.held_out = exchange, held_out
        self._log = log or (lambda row: None)
        self._classes = federation.classes
        self._clips: dict[str, float] = {}
        self._misses: dict[str, int] = {}
        self._memory: dict[str, Arrays] = {}
        self._table_KK: np.ndarray | None = None
        server = self.recipe.server
        self._rule = ServerRule(server.rule, server.rate, server.beta1, server.beta2, server.tau)

    def run(self) -> Outcome:
        """All rounds.

        Raises DataError where no node answers at all.
        """
        mean_D, std_D = self._statistics()
        rng = np.random.default_rng(self.recipe.seed)
        weights = start_weights(WIDTH, self.recipe.hidden, len(self._classes), rng)
        outcome = Outcome(weights, mean_D, std_D)
        x_ND = (self.held_out.x_ND - mean_D) / std_D
        for number in range(1, self.recipe.rounds + 1):
            if self.recipe.strategy in AVERAGED:
                row = self._averaged_round(outcome, number, x_ND)
            else:
                row = self._kept_round(outcome, number)
            outcome.rows.append(row)
            self._log(row)
        if self.recipe.strategy not in AVERAGED:
            outcome.weights = {}
        return outcome

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and spread of the clips of all nodes, from their sums."""
        like = {"sum_D": np.zeros(WIDTH), "squares_D": np.zeros(WIDTH)}
        good: dict[str, Reply] = {}
        for reply in self.exchange.ask(Request("count", 0), self.exchange.nodes):
            clips = reply.numbers.get("clips", 0.0)
            why = reply.error or fault_of(reply.arrays, like)
            if not why and not 1 <= clips <= MOST_CLIPS:
                why = f"{clips} clips"
            if why:
                self._log({"event": "statistics refused", "node": reply.node, "why": why})
                continue
            good[reply.node] = reply
        if not good:
            raise DataError("no node of the federation answers", where="federation")
        self._clips = {name: reply.numbers["clips"] for name, reply in good.items()}
        total = sum(self._clips.values())
        mean_D = sum((r.arrays["sum_D"] for r in good.values()), np.zeros(WIDTH)) / total
        squares_D = sum((r.arrays["squares_D"] for r in good.values()), np.zeros(WIDTH)) / total
        std_D = np.sqrt(np.maximum(squares_D - mean_D**2, 0.0))
        std_D = np.where(std_D > LEAST_SPREAD, std_D, 1.0)
        return mean_D.astype(np.float32), std_D.astype(np.float32)

    def _averaged_round(self, outcome: Outcome, number: int, x_ND: np.ndarray) -> dict[str, Any]:
        """Adapters travel: ask, refuse what cannot be used, move the shared one."""
        sent = {**as_float16(outcome.weights), "mean_D": outcome.mean_D, "std_D": outcome.std_D}
        numbers = {"rate": self.recipe.rate, "mu": self.recipe.pull}
        replies = self._ask(Request("train", number, sent, numbers))
        updates, dropped = self._usable(replies, outcome.weights)
        own = {
            name: self._accuracy(scores(_plus(as_float16(outcome.weights), update), x_ND))
            for name, update in updates.items()
        }
        joined = {**(self._faded() if self.recipe.server.remember else {}), **updates}
        self._memory = {**self._memory, **joined}
        if joined:
            mean = weighted_mean(joined, self._clips)
            outcome.weights = self._rule.step(outcome.weights, mean, number)
        score_NK = scores(outcome.weights, x_ND)
        remembered = sorted(set(joined) - set(updates))
        return self._row(number, replies, dropped, score_NK, own, remembered)

    def _faded(self) -> dict[str, Arrays]:
        """The updates remembered, a round older: the more the shared adapter has moved on since,
        the less they fit it.
        """
        fade = np.float32(self.recipe.server.fade)
        return {n: {k: a * fade for k, a in update.items()} for n, update in self._memory.items()}

    def _kept_round(self, outcome: Outcome, number: int) -> dict[str, Any]:
        """Adapters stay: nodes send scores, and with ``distilled`` their classes' means."""
        distils = self.recipe.strategy == "distilled"
        sent: Arrays = {"mean_D": outcome.mean_D, "std_D": outcome.std_D}
        if number == 1:
            sent.update(as_float16(outcome.weights))
        if distils and self._table_KK is not None:
            sent["table_KK"] = as_float16({"t": self._table_KK})["t"]
        numbers = {"rate": self.recipe.rate, "distil": self.recipe.distil if distils else 0.0}
        replies = self._ask(Request("keep", number, sent, numbers))
        count, classes = len(self.held_out.label_N), len(self._classes)
        like = {"scores_NK": np.zeros((count, classes))}
        if numbers["distil"] > 0:
            like["class_scores_KK"] = np.zeros((classes, classes))
        answers, dropped = self._usable(replies, like, lengths=False)
        if numbers["distil"] > 0 and answers:
            self._table_KK = self._joined_table(answers)
        own = {name: self._accuracy(a["scores_NK"]) for name, a in answers.items()}
        self._memory.update(answers)
        score_NK = self._ensemble()
        return self._row(number, replies, dropped, score_NK, own, [])

    def _joined_table(self, answers: dict[str, Arrays]) -> np.ndarray:
        """(K, K) mean scores of each class over the nodes that have it."""
        classes = len(self._classes)
        total, count = np.zeros((classes, classes)), np.zeros((classes, 1))
        for name, arrays in answers.items():
            for label in self._own_labels(name):
                total[label] += arrays["class_scores_KK"][label]
                count[label] += 1
        old = np.zeros((classes, classes)) if self._table_KK is None else self._table_KK
        return np.where(count > 0, total / np.maximum(count, 1), old).astype(np.float32)

    def _ensemble(self) -> np.ndarray:
        """(N, K) mean of the nodes' log-probabilities: the best that separate adapters give."""
        parts = [log_softmax(arrays["scores_NK"]) for arrays in self._memory.values()]
        if not parts:
            return np.zeros((len(self.held_out.label_N), len(self._classes)))
        return np.mean([np.exp(part) for part in parts], axis=0)

    def _ask(self, request: Request) -> list[Reply]:
        """Ask the nodes that are still counted on."""
        limit = self.recipe.server.give_up_after
        names = [n for n in sorted(self._clips) if self._misses.get(n, 0) < limit]
        replies = self.exchange.ask(request, names)
        for reply in replies:
            silent = reply.error.startswith(NO_ANSWER)
            self._misses[reply.node] = self._misses.get(reply.node, 0) + 1 if silent else 0
        return replies

    def _usable(
        self, replies: Sequence[Reply], like: Arrays, lengths: bool = True
    ) -> tuple[dict[str, Arrays], dict[str, str]]:
        """Updates by node, and why the others are refused."""
        updates: dict[str, Arrays] = {}
        dropped: dict[str, str] = {}
        for reply in replies:
            why = reply.error or fault_of(reply.arrays, like)
            if not why and max(reply.sent_bytes, reply.received_bytes) > (
                self.recipe.largest_payload
            ):
                why = f"{reply.sent_bytes} bytes are more than largest_payload"
            if why:
                dropped[reply.node] = why
            else:
                updates[reply.node] = as_float32(reply.arrays)
        for name, why in (too_long(updates) if lengths else {}).items():
            dropped[name] = why
            del updates[name]
        return updates, dropped

    def _own_labels(self, name: str) -> list[int]:
        node = next(node for node in self.federation.nodes if node.name == name)
        return [self._classes.index(label) for label in node.classes]

    def _accuracy(self, score_NK: np.ndarray) -> float:
        return float(np.mean(score_NK.argmax(1) == self.held_out.label_N))

    def _row(
        self,
        number: int,
        replies: Sequence[Reply],
        dropped: dict[str, str],
        score_NK: np.ndarray,
        own: dict[str, float],
        remembered: list[str],
    ) -> dict[str, Any]:
        """A line of ``metrics.jsonl``."""
        right_N = score_NK.argmax(1) == self.held_out.label_N
        per_node = {
            node.name: float(
                right_N[np.isin(self.held_out.label_N, self._own_labels(node.name))].mean()
            )
            for node in self.federation.nodes
        }
        return {
            "round": number,
            "pooled_accuracy": float(right_N.mean()),
            "accuracy_on_the_classes_of": per_node,
            "pooled_accuracy_of_node": own,
            "loss": {r.node: r.numbers["loss"] for r in replies if "loss" in r.numbers},
            "sent_bytes": {r.node: r.sent_bytes for r in replies},
            "received_bytes": {r.node: r.received_bytes for r in replies},
            "dropped": dropped,
            "remembered": remembered,
        }


def _plus(weights: Arrays, update: Arrays) -> Arrays:
    """A node's adapter after its training: what it received and its change."""
    return {name: array.astype(np.float32) + update[name] for name, array in weights.items()}

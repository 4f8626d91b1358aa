"""Figures about predicted probabilities: how sure the network is, and whether rightly so.

Legend: T steps, V tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from partimento.tasks.chorale.api import CHANNELS, SILENCE, tokens_of, truth_nll
from partimento.tasks.chorale.metrics import explain_loss


def token_name(token: int) -> str:
    """``C#4``, or ``O`` for silence."""
    from partimento.music.grid import pitch_token

    return pitch_token(-1 if token == SILENCE else token)


def calibration(confidence: np.ndarray, correct: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """Expected calibration error over bins of equal mass.

    The predictions, sorted by confidence, are cut into ``bins`` groups of equal size (Nguyen and
    O'Connor 2015); the error is the mean over predictions of |accuracy - confidence| of the group.
    Bins of equal width would leave most bins nearly empty here, where most notes are held.

    Raises ValueError when there is no prediction.
    """
    confidence, correct = np.ravel(confidence), np.ravel(correct)
    if len(confidence) == 0:
        raise ValueError("calibration of no predictions")
    order = np.argsort(confidence, kind="stable")
    groups = [g for g in np.array_split(order, min(bins, len(order))) if len(g)]
    table = [
        {
            "count": len(group),
            "confidence": float(confidence[group].mean()),
            "accuracy": float(correct[group].mean()),
        }
        for group in groups
    ]
    gaps = [abs(row["accuracy"] - row["confidence"]) * row["count"] for row in table]
    return {"ece": float(sum(gaps) / len(confidence)), "bins": table}


def histogram(values: np.ndarray, bins: int = 20) -> dict[str, list[float]]:
    """Share of values in equal bins of 0..1: ``edges`` (bins + 1) and ``share`` (bins)."""
    counts, edges = np.histogram(np.clip(values, 0.0, 1.0), bins=bins, range=(0.0, 1.0))
    return {"edges": edges.tolist(), "share": (counts / max(1, counts.sum())).tolist()}


def entropies(log_probs_TV: np.ndarray) -> np.ndarray:
    """Entropy in nats of every distribution along the last axis."""
    log_probs = np.asarray(log_probs_TV, dtype=np.float64)
    finite = np.where(np.isfinite(log_probs), log_probs, 0.0)
    return -(np.exp(log_probs) * finite).sum(-1)


def probability_figures(log_probs_T4V: np.ndarray, grid_T4: np.ndarray) -> dict[str, Any]:
    """Losses, calibration, histograms and entropy of teacher-forced predictions.

    ``entropy_over_time`` has one list of nats per channel; ``distribution`` compares the mean
    predicted distribution with the notes that are there, per channel.
    """
    tokens = tokens_of(grid_T4)
    probs = np.exp(log_probs_T4V.astype(np.float64))
    confidence, guess = probs.max(-1), probs.argmax(-1)
    truth = np.exp(-truth_nll(log_probs_T4V, grid_T4))
    entropy = entropies(log_probs_T4V)
    per_channel = {
        name: {
            "accuracy": float((guess == tokens)[:, c].mean()),
            "confidence": float(confidence[:, c].mean()),
            "entropy_nats": float(entropy[:, c].mean()),
            "ece": calibration(confidence[:, c], (guess == tokens)[:, c])["ece"],
        }
        for c, name in enumerate(CHANNELS)
    }
    return {
        "frames": len(tokens),
        "loss": explain_loss(truth_nll(log_probs_T4V, grid_T4)),
        "accuracy": float((guess == tokens).mean()),
        "calibration": calibration(confidence, guess == tokens),
        "channels": per_channel,
        "confidence_histogram": histogram(confidence),
        "truth_probability_histogram": histogram(truth),
        "entropy_over_time": {n: entropy[:, c].tolist() for c, n in enumerate(CHANNELS)},
        "distribution": {
            name: _distribution(probs[:, c], tokens[:, c]) for c, name in enumerate(CHANNELS)
        },
    }


def _distribution(probs_TV: np.ndarray, tokens_T: np.ndarray) -> list[dict[str, Any]]:
    """Mean predicted and actual share of every token that has at least one per mille of either."""
    predicted = probs_TV.mean(0)
    actual = np.bincount(tokens_T, minlength=probs_TV.shape[1]) / len(tokens_T)
    kept = np.flatnonzero((predicted >= 0.001) | (actual >= 0.001))
    return [
        {"note": token_name(int(v)), "predicted": float(predicted[v]), "actual": float(actual[v])}
        for v in kept
    ]


def note_rows(
    log_probs_T4V: np.ndarray, grid_T4: np.ndarray, places: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """One row per step and channel: the note that is there against what was expected.

    ``p`` and ``nats`` (-log p) are those of the true note, ``rank`` counts from 1, ``top`` has the
    three likeliest notes.  ``places`` adds a text such as "bar 3 beat 2" per step.
    """
    tokens = tokens_of(grid_T4)
    rows = []
    for t in range(len(tokens)):
        for c, channel in enumerate(CHANNELS):
            scores = log_probs_T4V[t, c]
            truth = int(tokens[t, c])
            top = np.argsort(-scores, kind="stable")[:3]
            rows.append(
                {
                    "step": t,
                    **({} if places is None else {"place": places[t]}),
                    "channel": channel,
                    "truth": token_name(truth),
                    "p": float(np.exp(scores[truth])),
                    "nats": float(-scores[truth]),
                    "rank": int((scores > scores[truth]).sum()) + 1,
                    "top": [
                        {"note": token_name(int(v)), "p": float(np.exp(scores[v]))} for v in top
                    ],
                }
            )
    return rows


def diff_summary(rows: Sequence[dict[str, Any]], worst: int = 20) -> dict[str, Any]:
    """Shares of first and top-three hits, and the most surprising notes."""
    hits = [row["rank"] == 1 for row in rows]
    top3 = [row["rank"] <= 3 for row in rows]
    surprising = sorted(rows, key=lambda row: -row["nats"])[:worst]
    return {
        "cells": len(rows),
        "first_choice_share": sum(hits) / max(1, len(rows)),
        "top3_share": sum(top3) / max(1, len(rows)),
        "most_surprising": surprising,
    }

"""What a single semantic token does: losses by cluster and event, attention to it, swap test.

Shape suffixes: N pieces, K semantic tokens, L layers, H heads, T positions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.music.amt_tokens import TYPES, token_types
from partimento.tasks.text2midi.intervals import Interval, mean_interval, ratio_interval
from partimento.tasks.text2midi.source_config import SourceDataConfig

if TYPE_CHECKING:
    from partimento.tasks.text2midi.source_compose import SourceModel
    from partimento.tasks.text2midi.source_data import SourcePiece

ATTENTION_PIECES = 24
EXAMPLE_TEXTS = 3


@dataclass(frozen=True, slots=True)
class Scores:
    """Nats of N pieces by type of event under their own token, and in all under every token."""

    by_type_N4: np.ndarray
    counts_N4: np.ndarray
    nats_NK: np.ndarray
    own_N: np.ndarray

    @property
    def own_nats_N(self) -> np.ndarray:
        """Nats under the own token."""
        found: np.ndarray = self.nats_NK[np.arange(len(self.own_N)), self.own_N]
        return found

    @property
    def notes_N(self) -> np.ndarray:
        """Notes of the pieces."""
        found: np.ndarray = self.counts_N4[:, TYPES.index("NOTE")]
        return found


def held_out(model: SourceModel, data: str | Path, part: str = "valid") -> list[SourcePiece]:
    """Pieces of a part of a corpus under the model's semantic tokens.

    ``data`` is a folder or archive, or a JSON file of training examples.  Raises DataError when
    there are none, or where the texts of a corpus meet a model without codebook.
    """
    from partimento.tasks.text2midi import source_data

    if Path(data).suffix in (".json", ".jsonl"):
        chosen = SourceDataConfig(examples=str(data))
        found = source_data.example_pieces(chosen, part)
    else:
        if model.codebook is None:
            raise DataError(
                "these weights have no codebook for texts", where=model.name, fix="Give examples"
            )
        chosen = SourceDataConfig(corpora=(str(data),))
        found = source_data.with_semantic(source_data.corpus_pieces(chosen, part), model.codebook)
    unknown = [p for p in found if p.semantic >= model.clusters]
    if not found or unknown:
        raise DataError(f"no piece of the part {part} is of these clusters", where=str(data))
    return found


def scores(model: SourceModel, pieces: Sequence[SourcePiece]) -> Scores:
    """Every piece under every semantic token."""
    by_type, counts, under = [], [], []
    for piece in pieces:
        nats_KL = model.token_nats(piece.events, range(model.clusters))
        kind = token_types(piece.events)
        own = nats_KL[piece.semantic]
        by_type.append(np.bincount(kind, weights=own, minlength=len(TYPES)))
        counts.append(np.bincount(kind, minlength=len(TYPES)))
        under.append(nats_KL.sum(1))
    own_N = np.array([p.semantic for p in pieces])
    return Scores(np.array(by_type), np.array(counts), np.array(under), own_N)


def source_report(
    weights: str | Path | SourceModel,
    data: str | Path,
    *,
    part: str = "valid",
    limit: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Loss and perplexity by cluster and by type of event, attention, swap test.

    ``data`` as in :func:`held_out`; ``limit`` pieces, spread over the part.  Intervals are 95 %
    bootstraps over groups of near-duplicates, drawn by ``seed``.  Nats unless a name says bits.
    """
    from partimento.tasks.text2midi.source_data import statistics

    model = _model(weights)
    pieces = held_out(model, data, part)
    if limit is not None and limit < len(pieces):
        pieces = [pieces[i] for i in np.linspace(0, len(pieces) - 1, limit).astype(int)]
    measured = scores(model, pieces)
    groups = [p.group for p in pieces]
    rng = np.random.default_rng(seed)
    return {
        "weights": model.name,
        "data": Path(data).name,
        "part": part,
        "statistics": statistics(pieces),
        "overall": overall(measured, groups, rng),
        "clusters": cluster_table(model, pieces, measured, rng),
        "types": type_table(measured),
        "attention": attention_table(model, pieces[:: max(1, len(pieces) // ATTENTION_PIECES)]),
        "swap": swap_test(measured, model.shares, groups, rng),
    }


def overall(measured: Scores, groups: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    """Nats per token and per note under the own tokens."""
    tokens = measured.counts_N4.sum(1)
    per_token = ratio_interval(measured.own_nats_N, tokens, groups, rng)
    per_note = ratio_interval(measured.own_nats_N, measured.notes_N, groups, rng)
    return {
        "nats_per_token": per_token.to_dict(),
        "nats_per_note": per_note.to_dict(),
        "perplexity": float(np.exp(per_token.value)),
    }


def cluster_table(
    model: SourceModel,
    pieces: Sequence[SourcePiece],
    measured: Scores,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Every semantic token: its pieces, their loss and perplexity, and some of their texts."""
    tokens = measured.counts_N4.sum(1)
    rows = []
    for k in range(model.clusters):
        mine = np.flatnonzero(measured.own_N == k).tolist()
        found = ratio_interval(
            measured.own_nats_N[mine], tokens[mine], [pieces[i].group for i in mine], rng
        )
        rows.append(
            {
                "token": f"SEMANTIC_TOKEN_{k}",
                "pieces": len(mine),
                "share": len(mine) / len(pieces),
                "share_in_training": float(model.shares[k]),
                "tokens": int(tokens[mine].sum()),
                "nats_per_token": found.to_dict(),
                "perplexity": float(np.exp(found.value)),
                "texts": [pieces[i].text for i in mine[:EXAMPLE_TEXTS]],
            }
        )
    return rows


def type_table(measured: Scores) -> list[dict[str, Any]]:
    """TIME_ON, NOTE, DURATION and EOS: how many, and their loss."""
    counts, nats = measured.counts_N4.sum(0), measured.by_type_N4.sum(0)
    notes = max(1, int(counts[TYPES.index("NOTE")]))
    return [
        {
            "type": name,
            "tokens": int(count),
            "nats_per_token": float(total / count) if count else float("nan"),
            "perplexity": float(np.exp(total / count)) if count else float("nan"),
            "nats_per_note": float(total / notes),
        }
        for name, count, total in zip(TYPES, counts, nats, strict=True)
    ]


def attention_table(model: SourceModel, pieces: Sequence[SourcePiece]) -> dict[str, Any]:
    """Mean attention of the events to the semantic token (L, H), and what even attention gives.

    Each event's weights add up to 1 over all it sees; BOS, which takes what a head has no use for,
    is shown beside.
    """
    import torch

    from partimento.nn import tap
    from partimento.tasks.text2midi.source_data import HEAD, cut_windows, framed

    sums, even, queries = np.zeros((2, 1, 1)), 0.0, 0
    for piece in pieces:
        tokens = framed(cut_windows(piece.events, model.context)[0], piece.semantic)[:-1]
        with torch.inference_mode(), tap.listen() as taps:
            model.network(torch.from_numpy(tokens)[None].to(model.device))
        layers = tap.require(taps, "self_attention")
        maps = np.stack([t[0, :, HEAD:, :HEAD].float().cpu().numpy() for t in layers])
        sums = sums + np.moveaxis(maps.sum(2), -1, 0)
        even += float((1.0 / np.arange(HEAD + 1, len(tokens) + 1)).sum())
        queries += len(tokens) - HEAD
    bos_LH, semantic_LH = sums / max(1, queries)
    return {
        "pieces": len(pieces),
        "queries": queries,
        "even": even / max(1, queries),
        "semantic_LH": semantic_LH,
        "bos_LH": bos_LH,
        "semantic_mean": float(semantic_LH.mean()),
        "semantic_largest": float(semantic_LH.max()),
    }


def swap_test(
    measured: Scores, shares: np.ndarray, groups: Sequence[str], rng: np.random.Generator
) -> dict[str, Any]:
    """What the own semantic token tells about a piece that no other one does.

    ``bits_gain_own_vs_others`` is against the mean of the other tokens, ``..._vs_shuffled`` against
    the token of another held-out piece, which may be the same one, ``information_bits`` against
    the mixture of all by their shares in training: what the token says of the piece at all, of at
    most ``cluster_entropy_bits``.  ``top1`` is how often no other token explains the piece as well;
    ``chance`` draws a token, ``chance_largest`` always names the commonest.
    """
    count, clusters = measured.nats_NK.shape
    own, sizes = measured.own_nats_N, np.bincount(measured.own_N, minlength=clusters)
    present = sizes / sizes.sum()
    others = (measured.nats_NK.sum(1) - own) / max(1, clusters - 1)
    shuffled = (measured.nats_NK @ sizes - own) / max(1, count - 1)
    with np.errstate(divide="ignore"):
        mixture = -np.logaddexp.reduce(np.log(shares) - measured.nats_NK, axis=1)
        entropy = -float(np.sum(present * np.log2(np.where(present > 0, present, 1.0))))
    first = measured.nats_NK.argmin(1) == measured.own_N

    def bits(against: np.ndarray) -> Interval:
        return mean_interval((against - own) / log(2), groups, rng)

    top1 = mean_interval(first.astype(np.float64), groups, rng)
    chance, largest = 1.0 / clusters, float(present.max())
    return {
        "pieces": count,
        "clusters": clusters,
        "bits_gain_own_vs_others": bits(others).to_dict("bits"),
        "bits_gain_own_vs_shuffled": bits(shuffled).to_dict("bits"),
        "information_bits": bits(mixture).to_dict("bits"),
        "cluster_entropy_bits": entropy,
        "bits_per_piece": float(own.mean() / log(2)),
        "top1": top1.to_dict("share"),
        "chance": chance,
        "chance_largest": largest,
        "times_chance": top1.value / chance,
    }


def inspect_text2midi(
    weights: str | Path,
    data: str | Path,
    out: str | Path = "inspect",
    *,
    part: Literal["train", "valid"] = "valid",
    limit: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """:func:`source_report` as ``text2midi.json`` and ``text2midi.html`` in a folder.

    Returns the report with the paths under ``files``.
    """
    from partimento.tasks.text2midi.source_report_page import report_page

    report = plain(source_report(weights, data, part=part, limit=limit, seed=seed))
    json_path, page_path = Path(out) / "text2midi.json", Path(out) / "text2midi.html"
    write_atomic(json_path, json.dumps(report, allow_nan=False) + "\n")
    write_atomic(page_path, report_page(report))
    return {**report, "files": [str(json_path), str(page_path)]}


def _model(weights: str | Path | SourceModel) -> SourceModel:
    if isinstance(weights, str | Path):
        from partimento.tasks.text2midi.source_compose import load_source

        return load_source(weights)
    return weights

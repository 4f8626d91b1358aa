"""Several draws for each piece, of which the one that matches the request best is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partimento.core.errors import ConfigError
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.match import Row, match_report, match_score

MOST_PIECES = 64
"""Draws side by side in one call, all candidates of all pieces together."""
Judge = Callable[[BarPiece], tuple[list[Row], float]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best of ``scores`` draws: ``rows`` of its match, each draw's match, and its place."""

    piece: BarPiece
    rows: tuple[Row, ...]
    score: float
    place: int
    scores: tuple[float, ...]


def judge_of(asked: Attributes, forced: frozenset[str], given_bars: int = 0) -> Judge:
    """Judges a piece by :func:`~partimento.tasks.text2midi.match.match_report`.

    The first ``given_bars`` are not the model's and do not count, save for the instruments: one
    that plays in them need not play again.
    """

    def judge(piece: BarPiece) -> tuple[list[Row], float]:
        if not given_bars:
            rows = match_report(asked, piece, forced)
            return rows, match_score(rows)
        made = piece.excerpt(given_bars, piece.bars - given_bars)
        whole = {row.attribute: row for row in match_report(asked, piece, forced)}
        rows = [
            whole[row.attribute] if row.attribute == "instruments" else row
            for row in match_report(asked, made, forced)
        ]
        return rows, match_score(rows)

    return judge


def choose(draws: Sequence[BarPiece], best_of: int, judge: Judge) -> list[Chosen]:
    """Of every ``best_of`` draws in a row the best match; of equal ones the first.

    Raises ValueError where the draws are no multiple of ``best_of``.
    """
    if best_of < 1 or len(draws) % best_of:
        raise ValueError(f"{len(draws)} draws are no multiple of {best_of}")
    chosen = []
    for start in range(0, len(draws), best_of):
        group = draws[start : start + best_of]
        judged = [judge(piece) for piece in group]
        scores = tuple(score for _, score in judged)
        place = max(range(best_of), key=lambda i: (scores[i], -i))
        rows, score = judged[place]
        chosen.append(Chosen(group[place], tuple(rows), score, place, scores))
    return chosen


def checked_counts(n: int, best_of: int) -> None:
    """Raise ConfigError for numbers of pieces and draws that are not possible."""
    if not 1 <= n <= MOST_PIECES:
        raise ConfigError(
            f"{n} pieces are not possible", where="-n", fix=f"Ask for 1 to {MOST_PIECES}"
        )
    if not 1 <= best_of <= MOST_PIECES // n:
        raise ConfigError(
            f"the best of {best_of} for each of {n} pieces is not possible",
            where="--best-of",
            fix=f"All draws together are at most {MOST_PIECES}",
        )

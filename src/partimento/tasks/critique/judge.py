"""Judge performances: scores on 19 dimensions with intervals, their reasons, and their rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.progress import Progress
from partimento.music.dimensions import DIMENSIONS, NAMES
from partimento.music.events import TICKS_PER_SECOND
from partimento.music.pitch_runs import chord_numbers
from partimento.tasks.critique import worker
from partimento.tasks.critique.clips import Source, find_clips
from partimento.tasks.critique.drivers import LEAST_EFFECT, effects, swapped
from partimento.tasks.critique.extraction import Extracted
from partimento.tasks.critique.interface import ClipFiles, Critic
from partimento.tasks.critique.loading import DEFAULT_WEIGHTS, load_critic
from partimento.tasks.critique.outcome import Critique, Judged, page_names
from partimento.tasks.critique.words import difference_reading, difference_text

SAME_PASSAGE = 0.75
"""Performances with this share of their notes in common, in order, are of the same passage."""
_COMPARED_NOTES = 800
"""So many notes from the start tell passages apart."""
_NOTES_PER_SEC = 8.0
"""Density at which chords are told from runs."""


def critique(
    source: Source,
    *,
    score: str | Path | None = None,
    weights: str | Path = DEFAULT_WEIGHTS,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Critique:
    """Judge one performance, several, or a folder of them.

    ``source``: MIDI files, folders, globs.  ``score``: the score (MusicXML, .mxl or MIDI) of all of
    them, or a folder with scores of the same names; without it a score beside the performance is
    used, or that of the passage in the layout of the PercePiano archive.  Performances of the same
    passage, found by their notes, are ranked among each other; two performances are compared.
    ``out``: folder for report and pages.

    With several inputs one that fails does not stop the others; it stands in ``failed``.

    Raises InputFileError for files that cannot be read, MusicError for one without enough notes,
    of more than ten minutes, or with a score of another piece; DataError for weights of another
    task.
    """
    clips = find_clips(source, score)
    with worker.readers(worker.worker_count(len(clips))) as started:
        # The workers start while the critic is loaded here.
        critic = load_critic(weights)
        # The workers are still importing: what the critic must solve for is solved meanwhile.
        critic.predict(critic.typical()[0][None])
        found = worker.read_clips(clips, score is not None, started, progress)
    failed = [
        (clip.performance, one)
        for clip, one in zip(clips, found, strict=True)
        if isinstance(one, PartimentoError)
    ]
    if len(failed) == len(clips) == 1:
        raise failed[0][1]
    kept = [(c, f) for c, f in zip(clips, found, strict=True) if isinstance(f, Extracted)]
    judged = _judged(critic, kept)
    result = Critique(critic.name, tuple(judged), tuple(failed))
    if out is None or not judged:
        return result
    return replace(result, files=tuple(result.save(out)))


def _judged(critic: Critic, kept: Sequence[tuple[ClipFiles, Extracted]]) -> list[Judged]:
    if not kept:
        return []
    verdicts = critic.judge([found.features for _, found in kept])
    learnt = critic.scores_of_learnt()
    names = page_names([clip for clip, _ in kept])
    border = critic.border
    judged = []
    for (clip, found), verdict, name in zip(kept, verdicts, names, strict=True):
        features = found.features
        what = effects(critic, features.names, features.values, found.variants, found.left_out)
        judged.append(Judged(clip, found, verdict, what, learnt, name, border))
    judged = _ranked(judged, same_passage([found.notes for _, found in kept]))
    return _compared(critic, judged) if len(judged) == 2 else judged


def same_passage(performances: Sequence[np.ndarray]) -> list[int]:
    """A number per performance, equal for those of the same passage; ``(N, 4)`` notes each.

    Compared are the pitches, chord after chord, so that names of files and scores do not matter.
    """
    firsts: list[list[int]] = []
    numbers = []
    for notes in performances:
        line = _line(notes)
        number = next((i for i, other in enumerate(firsts) if _alike(line, other)), len(firsts))
        if number == len(firsts):
            firsts.append(line)
        numbers.append(number)
    return numbers


def _line(notes: np.ndarray) -> list[int]:
    """Pitches in order, from low to high within a chord."""
    notes = notes[:_COMPARED_NOTES]
    # At one and the same density of notes, so that another tempo groups them into the same chords.
    span = float(np.ptp(notes[:, 0])) if len(notes) else 0.0
    pace = len(notes) / span / _NOTES_PER_SEC if span > 0 else 1.0
    chords = chord_numbers(notes[:, 0] * pace * TICKS_PER_SECOND)
    pitches: list[int] = notes[np.lexsort((notes[:, 2], chords)), 2].astype(np.int64).tolist()
    return pitches


def _alike(a: list[int], b: list[int]) -> bool:
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    # Two upper bounds first: they are quick.
    return (
        matcher.real_quick_ratio() >= SAME_PASSAGE
        and matcher.quick_ratio() >= SAME_PASSAGE
        and matcher.ratio() >= SAME_PASSAGE
    )


def _ranked(judged: Sequence[Judged], numbers: Sequence[int]) -> list[Judged]:
    """Each with its rank among those of its passage.

    Dimensions that get no score have ranks too: that the grade is unknown says nothing about the
    order.
    """
    ranked = []
    for one, number in zip(judged, numbers, strict=True):
        group = [o for o, n in zip(judged, numbers, strict=True) if n == number]
        if len(group) < 2:
            ranked.append(one)
            continue
        ranks = {
            NAMES[d]: 1 + sum(float(o.verdict.mean[d]) > float(one.verdict.mean[d]) for o in group)
            for d in range(len(NAMES))
        }
        fellows = tuple(o.name for o in group if o is not one)
        ranked.append(replace(one, fellows=fellows, ranks=ranks))
    return ranked


def _compared(critic: Critic, pair: Sequence[Judged]) -> list[Judged]:
    """Two performances, each with its comparison with the other."""
    first, second = pair
    return [
        replace(first, comparison=compare_two(critic, first, second)),
        replace(second, comparison=compare_two(critic, second, first)),
    ]


def compare_two(critic: Critic, ours: Judged, theirs: Judged) -> dict[str, Any]:
    """Differences of two verdicts, ours minus theirs, with intervals and their reasons.

    The interval takes the errors of the two as independent.  Those of one passage are not wholly
    so, since the critic errs on the music as well: the true interval is narrower.
    """
    parts = swapped(critic, ours.found.features.values, theirs.found.features.values)
    rows = {name: _difference(i, ours, theirs, parts) for i, name in enumerate(NAMES)}
    return {
        "with": str(theirs.clip.performance),
        "same_passage": theirs.name in ours.fellows,
        "summary": difference_text(rows, ours.name, theirs.name),
        "differences": rows,
    }


def _difference(
    place: int, ours: Judged, theirs: Judged, parts: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    a, b = ours.verdict, theirs.verdict
    mean = float(a.mean[place] - b.mean[place])
    down = float(np.hypot(a.mean[place] - a.low[place], b.high[place] - b.mean[place]))
    up = float(np.hypot(a.high[place] - a.mean[place], b.mean[place] - b.low[place]))
    towards = [(name, float(effect[place])) for name, effect in parts.items()]
    # What explains a difference points the same way.
    towards = [(n, e) for n, e in towards if abs(e) >= LEAST_EFFECT and (e > 0) == (mean > 0)]
    towards.sort(key=lambda item: -abs(item[1]))
    return {
        "mean": round(mean, 4),
        "low": round(mean - down, 4),
        "high": round(mean + up, 4),
        "clear": mean - down > 0 or mean + up < 0,
        "reading": difference_reading(mean, mean - down, mean + up, DIMENSIONS[place]),
        "explained_by": [{"name": n, "effect": round(e, 4)} for n, e in towards[:3]],
    }

"""Jobs of the critique page: performances judged, compared, made to be heard side by side."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.plain import plain
from partimento.studio.bench import Bench
from partimento.studio.handlers.job_files import note_rows, retold, write_json, write_sound
from partimento.studio.orders import CritiqueOrder

if TYPE_CHECKING:
    from partimento.tasks.critique.outcome import Critique, Judged

HEARD_SEC = 180.0
"""The sound has so much of a performance."""
COMPARED_NOTES = 4000
"""So many notes from the start give the places that two performances have in common."""
MOST_ANCHORS = 400


def critique_job(order: CritiqueOrder, bench: Bench) -> dict[str, Any]:
    """Judge performances; the files of each are kept under plain names."""
    with tempfile.TemporaryDirectory(prefix="partimento-critique-") as place:
        # The critique calls a performance by its file's name, so each gets the user's.
        named = _named_copies(order, bench, Path(place))
        paths = [path for path, _ in named]
        try:
            result, text = _judged(order, bench, paths)
        except PartimentoError as error:
            raise retold(error, _words(named)) from None
        for path, name in named:
            text = text.replace(json.dumps(str(path))[1:-1], json.dumps(name)[1:-1])
        if order.score is not None:
            known = json.dumps(str(bench.path(order.score)))[1:-1]
            text = text.replace(known, json.dumps(bench.name(order.score))[1:-1])
        reports = json.loads(text)
        write_json(bench.folder, "report.json", reports, indent=2)
        return _page_data(order, bench, named, result, reports)


def _judged(order: CritiqueOrder, bench: Bench, paths: Sequence[Path]) -> tuple[Critique, str]:
    """The critique and its reports as JSON text."""
    from partimento import critique

    score = None if order.score is None else bench.path(order.score)
    result = critique(list(paths), score=score, progress=bench.tell)
    if not result.judged:
        raise result.failed[0][1]
    return result, json.dumps(plain(result.reports()), allow_nan=False)


def _named_copies(order: CritiqueOrder, bench: Bench, place: Path) -> list[tuple[Path, str]]:
    """A copy of each performance under the user's name, and that name."""
    found = []
    for number, ref in enumerate(order.performances, start=1):
        folder = place / str(number)
        folder.mkdir()
        job, name = re.match(r"job:(\d+)/", ref), bench.name(ref)
        # Files of jobs have the same names in every job, so they get the job's number.
        tail = "" if job is None else f" of job {job[1]}"
        # Only plain letters: the name is a path here, and a letter may take four of its 255 bytes.
        stem = re.sub(r"[^\w .-]", "_", Path(name).stem)[:50].strip(" .") or "performance"
        path = folder / f"{stem}{tail}.mid"
        shutil.copyfile(bench.path(ref), path)
        found.append((path, f"{name}{tail}"))
    return found


def _words(named: Sequence[tuple[Path, str]]) -> list[tuple[str, str]]:
    return [(str(path), name) for path, name in named]


def _page_data(
    order: CritiqueOrder,
    bench: Bench,
    named: Sequence[tuple[Path, str]],
    result: Critique,
    reports: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    places = {path: number for number, (path, _) in enumerate(named)}
    rows = []
    for done, (one, report) in enumerate(zip(result.judged, reports, strict=True), start=1):
        bench.tell(done, len(reports), "sound")
        place = places[one.clip.performance]
        rows.append(_performance(one, report, place + 1, order.performances[place], bench))
    words = _words(named)
    failed = [
        {"name": named[places[path]][1], "what": retold(error, words).what, "fix": error.fix}
        for path, error in result.failed
    ]
    names = ", ".join(one.name for one in result.judged)
    return {
        "title": f"Critique of {names}"[:200],
        "critic": result.critic,
        "performances": rows,
        "radar": radar_data(result.judged),
        "groups": _groups(result.judged),
        "failed": failed,
        "score_name": None if order.score is None else bench.name(order.score),
    }


def _performance(
    one: Judged, report: Mapping[str, Any], number: int, ref: str, bench: Bench
) -> dict[str, Any]:
    """Files of one performance and what the page shows of it."""
    from partimento.render.sound import lead_in_sec

    notes = one.found.notes
    first = float(notes[:, 0].min())
    rows = np.stack(
        [notes[:, 0] - first, notes[:, 1] - notes[:, 0], notes[:, 2], notes[:, 3]], axis=1
    )
    shutil.copyfile(bench.path(ref), bench.folder / f"performance-{number}.mid")
    heard = rows[rows[:, 0] < HEARD_SEC]
    kept = {key: value for key, value in report.items() if key not in ("input", "notes")}
    return {
        "name": one.name,
        "ref": ref,
        "file": f"performance-{number}.mid",
        "sound": write_sound(bench.folder / f"performance-{number}.wav", heard),
        "lead_sec": lead_in_sec(),
        "heard_sec": HEARD_SEC if len(heard) < len(rows) else None,
        "from_sec": round(first, 3),
        "notes": note_rows(rows),
        "report": kept,
    }


def radar_data(judged: Sequence[Judged]) -> dict[str, Any]:
    """What the radar chart of the pages takes, of one performance or several."""
    from partimento.music.dimensions import DIMENSIONS

    learnt = judged[0].learnt
    middle = [round(float(value), 4) for value in np.median(learnt, axis=0)]
    return {
        "dimensions": [{"name": d.name, "low": d.low, "high": d.high} for d in DIMENSIONS],
        "series": [{"name": one.name, "readings": _readings(one)} for one in judged],
        "reference": {"name": f"median of {len(learnt)} learnt performances", "values": middle},
    }


def _readings(one: Judged) -> list[dict[str, Any]]:
    from partimento.music.dimensions import NAMES

    readings, v = one.readings(), one.verdict
    rows: list[dict[str, Any]] = []
    for i, name in enumerate(NAMES):
        if name not in readings:
            rows.append({"mean": None, "reason": v.abstained[name]})
            continue
        rows.append(
            {
                "mean": round(float(v.mean[i]), 4),
                "low": round(float(v.low[i]), 4),
                "high": round(float(v.high[i]), 4),
                "reading": readings[name].text,
                "percentile": readings[name].percentile,
            }
        )
    return rows


def _groups(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Performances of the same passage, by their places in the list, and how to go between them.

    ``anchors`` of a member: pairs (second in the first member, second in this one), rising.
    """
    groups: dict[frozenset[str], list[int]] = {}
    for place, one in enumerate(judged):
        if one.fellows:
            groups.setdefault(frozenset({one.name, *one.fellows}), []).append(place)
    found = []
    for members in groups.values():
        first = judged[members[0]].found.notes
        anchors = [common_places(first, judged[place].found.notes) for place in members]
        found.append({"members": members, "anchors": anchors})
    return found


def common_places(first: np.ndarray, other: np.ndarray) -> list[list[float]]:
    """Seconds from the first note at which both (N, 4) play the same notes: [[first, other], ...].

    The pairs rise in both columns.
    """
    a, b = (notes[np.lexsort((notes[:, 2], notes[:, 0]))][:COMPARED_NOTES]
            for notes in (first, other))  # fmt: skip
    pairs = _matched(a[:, 2].astype(np.int64), b[:, 2].astype(np.int64))
    here = a[[i for i, _ in pairs], 0] - first[:, 0].min()
    there = b[[j for _, j in pairs], 0] - other[:, 0].min()
    kept: list[list[float]] = []
    for one, two in zip(here.tolist(), there.tolist(), strict=True):
        if not kept or (one > kept[-1][0] + 0.05 and two > kept[-1][1]):
            kept.append([round(one, 3), round(two, 3)])
    return kept[:: max(1, -(-len(kept) // MOST_ANCHORS))]


def _matched(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """Places of a longest common subsequence of two rows of pitches (N,) and (M,).

    The usual table, a row at a time: longest[i, j] of the first i and j pitches.
    """
    longest = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int16)
    for i, pitch in enumerate(a.tolist(), start=1):
        with_it = longest[i - 1, :-1] + (b == pitch)
        longest[i, 1:] = np.maximum.accumulate(np.maximum(longest[i - 1, 1:], with_it))
    pairs, i, j = [], len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif longest[i - 1, j] >= longest[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]

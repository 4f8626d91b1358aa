"""The pages of a critique: what is said in words, as a radar chart, in tables, in the music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.music.dimensions import DIMENSIONS, NAMES
from partimento.render.page import (
    PAGE_SAMPLE_RATE,
    AudioSection,
    Figure,
    FigureSection,
    LinkSection,
    Section,
    TableSection,
    TextSection,
    page_html,
)
from partimento.render.performance_roll import performance_roll_svg
from partimento.render.radar import Reading, Spoke, radar_svg
from partimento.render.sound import render_notes, sound_table, wav_bytes
from partimento.tasks.critique.words import CLEARLY, PROBABLY

if TYPE_CHECKING:
    from partimento.tasks.critique.outcome import Critique, Judged

HEARD_SEC = 120.0
"""The page plays so much; the file has everything."""
_MOST_LINES = 6
"""More lines in one radar chart cannot be told apart."""
_ROLL_WIDTH = 940.0
"""Px that a piano roll of a short passage fills."""
_WIDE = 8
"""More performances stand in rows instead of columns."""
_SPOKES = tuple(Spoke(d.words, d.low, d.high) for d in DIMENSIONS)


def performance_html(one: Judged, critic: str, *, sound: bool) -> str:
    """The page of one performance, to read and to hear."""
    sections: list[Section] = [
        TextSection("In short", [one.summary(), *one.caveats(), *one.found.warnings]),
        FigureSection("Scores", [radar_figure([one], one.name)], _radar_text([one])),
    ]
    if sound:
        sections.append(_sound("Listen", one))
    sections += [_score_table(one), _driver_table(one), _roll(one)]
    if one.comparison is not None:
        sections.append(_difference_table(one, str(one.comparison["with"])))
    sections.append(LinkSection("Files", [("report.json", "report.json")]))
    return page_html(f"Critique: {one.name}", sections, lead=_lead(one, critic))


def overview_html(result: Critique) -> str:
    """The page of several performances: beside one another where they are of the same passage."""
    judged = result.judged
    sections: list[Section] = []
    if len(judged) == 2 and judged[0].comparison is not None:
        sections += _two(judged[0], judged[1])
    else:
        for number, group in enumerate(_groups(judged), start=1):
            sections += _group(group, number)
    sections.append(_rest(judged))
    if result.failed:
        rows = [(str(path.name), error.what) for path, error in result.failed]
        sections.append(TableSection("Files that were not judged", ("file", "reason"), rows))
    sections.append(TextSection("How to read this", judged[0].caveats()))
    links = [(one.name, f"{one.name}.html") for one in judged]
    sections.append(LinkSection("Pages", [*links, ("report.json", "report.json")]))
    lead = f"{len(judged)} performances, judged by {result.critic}."
    return page_html("Critique", sections, lead=lead)


def _lead(one: Judged, critic: str) -> str:
    match = one.found.score_match
    beside = (
        "without a score"
        if one.found.score is None
        else f"with its score ({match:.0%} of its notes found)"
        if match is not None
        else "with its score"
    )
    return (
        f"{len(one.found.notes)} notes in {one.found.seconds:.1f} s, judged by {critic} {beside}."
    )


def radar_figure(judged: Sequence[Judged], title: str) -> Figure:
    """All dimensions of one or several performances."""
    series = {one.name: _readings(one) for one in judged}
    learnt = judged[0].learnt
    low, high = _span(judged)
    middle = [float(value) for value in np.median(learnt, axis=0)]
    svg = radar_svg(
        _SPOKES,
        series,
        title=title,
        span=(low, high),
        reference=(f"median of {len(learnt)} learnt performances", middle),
    )
    return Figure(svg, f"The rings go from {low:g} to {high:g}; 0 and 1 are the ends of the scale.")


def _radar_text(judged: Sequence[Judged]) -> str:
    said = "Farther out is nearer to the word given there."
    if len(judged) > 2:
        return said
    share = round(100 * judged[0].verdict.coverage)
    return (
        f"{said} The band holds what listeners would say on average in about {share} of 100 such "
        "performances."
    )


def _readings(one: Judged) -> list[Reading]:
    v, shown = one.verdict, set(one.shown)
    return [
        Reading(float(v.mean[i]), float(v.low[i]), float(v.high[i]))
        if i in shown
        else Reading(None)
        for i in range(len(NAMES))
    ]


def _span(judged: Sequence[Judged]) -> tuple[float, float]:
    """Tenths around nearly all learnt scores and all that are drawn."""
    learnt = judged[0].learnt
    ends = [float(v) for v in np.quantile(learnt, (0.01, 0.99))]
    for one in judged:
        ends += [float(one.verdict.low[one.shown].min(initial=1.0))]
        ends += [float(one.verdict.high[one.shown].max(initial=0.0))]
    low = max(0.0, np.floor(min(ends) * 10) / 10)
    return float(low), float(min(1.0, max(np.ceil(max(ends) * 10) / 10, low + 0.2)))


def _sound(heading: str, one: Judged) -> Section:
    notes = one.found.notes[one.found.notes[:, 0] - one.found.notes[0, 0] < HEARD_SEC]
    onset, end, midi, velocity = notes[:, :4].T
    table = sound_table(onset - onset[0], end - onset, midi, velocity)
    sound = render_notes(table, PAGE_SAMPLE_RATE).mean(axis=1)
    cut = len(notes) < len(one.found.notes)
    text = f"The first {HEARD_SEC:.0f} s, on our own piano." if cut else "On our own piano."
    return AudioSection(heading, wav_bytes(sound, PAGE_SAMPLE_RATE), text)


def _score_table(one: Judged) -> TableSection:
    readings = one.readings()
    rows = []
    for i, dimension in enumerate(DIMENSIONS):
        if dimension.name not in readings:
            reason = one.verdict.abstained[dimension.name]
            rows.append((dimension.words, dimension.low, dimension.high, "-", "-", "-", reason))
            continue
        reading = readings[dimension.name]
        rows.append(
            (
                dimension.words,
                dimension.low,
                dimension.high,
                f"{one.verdict.mean[i]:.2f}",
                f"{one.verdict.low[i]:.2f}\u00a0to\u00a0{one.verdict.high[i]:.2f}",
                f"{reading.percentile:.0f} %",
                reading.text,
            )
        )
    columns = ("dimension", "0 means", "1 means", "score", "interval", "higher than", "in words")
    caption = (
        f"Higher than: share of the {len(one.learnt)} performances learnt from with a lower score. "
        "Clearly: the whole interval lies on that side of their median. Probably: in the outer "
        "quarter, but the interval reaches over the median."
    )
    return TableSection("Every score", columns, rows, caption)


def _driver_table(one: Judged) -> TableSection:
    rows = []
    for i in one.shown:
        found = one.effects.report(i)
        features = [
            f"{_plain(f['name'])} {f['value']:.3g} "
            f"(typical\u00a0{f['typical']:.3g})\u00a0{f['effect']:+.2f}"
            for f in found["features"][:2]
            if f["value"] is not None and f["typical"] is not None
        ]
        kinds = [_with_effect(_plain(g["name"]), g["effect"]) for g in found["groups"]]
        bars = [_with_effect(b["where"], b["effect"]) for b in found["bars"]]
        cells = ["; ".join(part) or "-" for part in (kinds, features, bars)]
        rows.append((DIMENSIONS[i].words, f"{one.verdict.mean[i]:.2f}", *cells))
    caption = (
        "How much each part moves the score: the score as it is minus the score with that kind of "
        "statistic, that single statistic, or that bar taken away. Plus pushes to the high end."
    )
    columns = ("dimension", "score", "kinds", "single statistics", "bars")
    return TableSection("What drives the scores", columns, rows, caption)


def _roll(one: Judged) -> FigureSection:
    """The notes, with the bars that matter most in colours of their own."""
    bars = [bar for bar in one.bars() if bar["seconds"] is not None]
    # Names of bars, sound and picture all count from the first note.
    notes = one.found.notes - one.found.notes[0, 0] * np.array([1, 1, 0, 0])
    part = np.zeros(len(notes))
    names, marks = ["other notes"], []
    for number, bar in enumerate(bars, start=1):
        start, end = bar["seconds"]
        inside = (notes[:, 0] >= start - 0.05) & (notes[:, 0] < end - 0.05) & (part == 0)
        part[inside] = number
        names.append(bar["where"])
        marks += [start, end]
    table = np.concatenate([notes, part[:, None]], axis=1)
    svg = performance_roll_svg(
        table,
        names,
        title=f"Notes of {one.name}",
        marks_sec=[mark for mark in marks if 0 < mark < notes[:, 1].max()],
        px_per_sec=min(160.0, max(40.0, _ROLL_WIDTH / one.found.seconds)),
    )
    moved = "; ".join(f"{bar['where']} moves {_moved(bar['dimensions'])}" for bar in bars)
    text = f"Left out, these bars change the scores most: {moved}." if bars else ""
    caption = "Pitch over seconds from the first note; deeper colour is louder."
    return FigureSection("Where it happens", [Figure(svg, caption)], text)


def _moved(dimensions: Mapping[str, float]) -> str:
    return ", ".join(_with_effect(_plain(name), effect) for name, effect in dimensions.items())


def _with_effect(words: str, effect: float) -> str:
    """Both on one line."""
    return f"{words} {effect:+.2f}".replace(" ", "\u00a0")


def _two(first: Judged, second: Judged) -> list[Section]:
    comparison = first.comparison or {}
    said = [str(comparison["summary"])]
    if not comparison["same_passage"]:
        said.append(
            "The two do not share their notes: part of the differences is the music's, not the "
            "player's."
        )
    return [
        TextSection("In short", said),
        FigureSection(
            "Side by side",
            [radar_figure([first, second], "Side by side")],
            _radar_text([first, second]),
        ),
        _difference_table(first, second.name),
        _sound(f"Listen: {first.name}", first),
        _sound(f"Listen: {second.name}", second),
    ]


def _difference_table(one: Judged, other: str) -> TableSection:
    rows = []
    for name, row in (one.comparison or {})["differences"].items():
        dimension = DIMENSIONS[NAMES.index(name)]
        reasons = "; ".join(
            _with_effect(_plain(g["name"]), g["effect"]) for g in row["explained_by"]
        )
        rows.append(
            (
                dimension.words,
                f"{row['mean']:+.2f}",
                f"{row['low']:+.2f}\u00a0to\u00a0{row['high']:+.2f}",
                row["reading"],
                reasons or "-",
            )
        )
    columns = ("dimension", "difference", "interval", f"{one.name} lies", "from")
    caption = (
        f"{one.name} minus {Path(other).stem}. Clearly: the interval of the difference does not "
        "reach zero. The last column: what changes when that kind of statistic is exchanged "
        "between the two."
    )
    return TableSection("Differences", columns, rows, caption)


def _groups(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Performances of the same passage together; those that stand alone are left out."""
    groups: dict[frozenset[str], list[Judged]] = {}
    for one in judged:
        if one.fellows:
            groups.setdefault(frozenset({one.name, *one.fellows}), []).append(one)
    return list(groups.values())


def _group(group: Sequence[Judged], number: int) -> list[Section]:
    heading = f"Passage {number}: {len(group)} performances"
    sections: list[Section] = []
    if len(group) <= _MOST_LINES:
        sections.append(FigureSection(heading, [radar_figure(group, heading)], _radar_text(group)))
        heading = f"Ranks in passage {number}"
    if len(group) <= _WIDE:
        columns = ("dimension", "rank 1 is most", *short_names([one.name for one in group]))
        rows = [
            (DIMENSIONS[i].words, DIMENSIONS[i].high, *(_ranked_cell(one, i) for one in group))
            for i in range(len(NAMES))
        ]
    else:
        columns = ("performance", *(d.words for d in DIMENSIONS))
        rows = [(one.name, *(_ranked_cell(one, i) for i in range(len(NAMES)))) for one in group]
    caption = (
        "Rank among these performances, 1 for the highest score, and the score. The order is surer "
        "than the numbers where the critic does not know the music."
    )
    return [*sections, TableSection(heading, columns, rows, caption)]


def short_names(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin and end with; as they are where nothing would be left.

    >>> short_names(["Schubert_1_15", "Schubert_12_15"])
    ['1', '12']
    """
    parts = [name.split("_") for name in names]
    fewest = min(len(part) for part in parts)
    head = tail = 0
    while head < fewest and len({part[head] for part in parts}) == 1:
        head += 1
    while tail < fewest - head and len({part[-1 - tail] for part in parts}) == 1:
        tail += 1
    short = ["_".join(part[head : len(part) - tail]) for part in parts]
    return short if all(short) else list(names)


def _ranked_cell(one: Judged, place: int) -> str:
    rank = one.ranks.get(NAMES[place])
    return "-" if rank is None else f"{rank}. ({one.verdict.mean[place]:.2f})"


def _rest(judged: Sequence[Judged]) -> TableSection:
    """A line per performance: what stands out."""
    rows: list[tuple[Any, ...]] = []
    for one in judged:
        readings = one.readings()
        apart = [name for name in readings if readings[name].sureness in (CLEARLY, PROBABLY)]
        apart.sort(key=lambda name: -abs(readings[name].percentile - 50))
        said = ", ".join(f"{readings[name].text} ({_plain(name)})" for name in apart[:3]) or "-"
        told = "; ".join(one.found.warnings)
        rows.append((one.name, len(one.found.notes), f"{one.found.seconds:.1f}", said, told))
    columns = ("performance", "notes", "seconds", "what stands out", "notes on it")
    return TableSection("Each performance", columns, rows)


def _plain(name: object) -> str:
    return str(name).replace("_", " ").replace(".", " ")

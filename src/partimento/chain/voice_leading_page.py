"""What the checker says of a chorale, as one section of a page."""

from __future__ import annotations

from partimento.render.page import Cell, MixedSection, TableSection, TextSection
from partimento.tasks.chorale.harmonize import Alternative

_RATES = {
    "parallel_fifths": "parallel fifths",
    "parallel_octaves": "parallel octaves and unisons",
    "contrary_fifths": "fifths in contrary motion",
    "contrary_octaves": "octaves in contrary motion",
    "direct_fifths": "direct fifths of the outer voices",
    "direct_octaves": "direct octaves of the outer voices",
    "overlap": "a voice beyond its neighbour's last note",
    "crossing": "voices that cross",
    "spacing": "upper voices more than an octave apart",
    "range": "notes out of range",
    "on_beat_class_triad": "triads on the beat",
    "on_beat_class_seventh": "seventh chords on the beat",
    "root_at_phrase_end": "phrases that end on a root position",
}
"""Measures of :mod:`partimento.music.grid_measures` in words: faults first, then the harmony."""


def voice_leading_section(heading: str, found: Alternative) -> MixedSection:
    """All parts under one heading."""
    return MixedSection(heading, voice_leading_parts(found))


def voice_leading_parts(found: Alternative) -> list[TextSection | TableSection]:
    """Findings one by one, what was kept of the melody, and rates of all rules."""
    parts: list[TextSection | TableSection] = []
    rows: list[list[Cell]] = [
        [row["rule"].replace("_", " "), row["bar"], row["beat"], ", ".join(row["voices"]),
         row["message"]]
        for row in found.report["findings"]
    ]  # fmt: skip
    if rows:
        parts.append(
            TableSection("Voice-leading findings", ["rule", "bar", "beat", "voices", "what"], rows)
        )
    kept = found.report["preserved"]["share"]
    said = [] if rows else ["The checker of voice leading found nothing to mark."]
    parts.append(TextSection("", [*said, f"Kept of the melody: {kept:.0%}."]))
    return [*parts, _rates(found)]


def _rates(found: Alternative) -> TableSection:
    measures = found.report["measures"]
    rows: list[list[Cell]] = [
        [label, measures[name]] for name, label in _RATES.items() if name in measures
    ]
    return TableSection(
        "Voice leading in figures",
        ["measure", "%"],
        rows,
        caption="Parallels and their kin per 100 changes of the voices; the others in per cent of "
        "notes, chords or phrases.",
    )

"""Which part and staff each ABC voice stands on: ``%%score [(S A) (T B)]`` and clefs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from partimento.music.abc_fields import AbcKey, VoiceSettings
from partimento.music.abc_voice import VoiceReader
from partimento.music.score import Part

Place = tuple[str, int, str]
"""Part id, staff (from 1) and voice name of an ABC voice."""


def parse_score_directive(text: str) -> list[list[list[str]]]:
    """Parts, each a list of staves, each a list of voices.

    ``( )`` puts voices on one staff, ``{ }`` puts staves into one part.

    >>> parse_score_directive("{(S A) (T B)}"), parse_score_directive("[S A]")
    ([[['S', 'A'], ['T', 'B']]], [[['S']], [['A']]])
    """
    parts: list[list[list[str]]] = []
    brace = paren = False
    new_part = True
    for item in re.findall(r"[(){}\[\]|]|[^\s(){}\[\]|]+", text):
        if item == "{":
            brace = new_part = True
        elif item == "}":
            brace, new_part = False, True
        elif item == "(":
            paren = True
            _new_staff(parts, new_part or not brace)
            new_part = False
        elif item == ")":
            paren = False
        elif item not in "[]|":
            if not paren:
                _new_staff(parts, new_part or not brace)
                new_part = False
            parts[-1][-1].append(item)
    return [[staff for staff in part if staff] for part in parts if any(part)]


def _new_staff(parts: list[list[list[str]]], new_part: bool) -> None:
    if new_part or not parts:
        parts.append([])
    parts[-1].append([])


def assign_parts(
    readers: Mapping[str, VoiceReader],
    settings: Mapping[str, VoiceSettings],
    key: AbcKey,
    grouping: list[list[list[str]]],
) -> tuple[tuple[Part, ...], dict[str, Place]]:
    """Parts of the score and the place of every voice.

    Voices that ``%%score`` does not name get a part each, after the named ones.
    """
    layout = [
        [[v for v in staff if v in readers] for staff in part] for part in _first_uses(grouping)
    ]
    layout = [[staff for staff in part if staff] for part in layout if any(part)]
    named = {v for part in layout for staff in part for v in staff}
    layout += [[[v]] for v in readers if v not in named]
    parts, places = [], {}
    for i, staves in enumerate(layout, start=1):
        clefs = tuple(_staff_clef(staff, readers, settings, key) for staff in staves)
        names = [settings[v].name or "" for staff in staves for v in staff if v in settings]
        parts.append(Part(f"P{i}", names[0] if len(names) == 1 else "", len(staves), clefs))
        voice_number = 0
        for number, staff in enumerate(staves, start=1):
            for voice in staff:
                voice_number += 1
                places[voice] = (f"P{i}", number, str(voice_number))
    return tuple(parts), places


def _first_uses(grouping: list[list[list[str]]]) -> list[list[list[str]]]:
    """The grouping with every voice at its first place only."""
    seen: set[str] = set()
    result = []
    for part in grouping:
        staves = []
        for staff in part:
            fresh = [v for v in dict.fromkeys(staff) if v not in seen]
            seen |= set(fresh)
            staves.append(fresh)
        result.append(staves)
    return result


def _staff_clef(
    staff: list[str],
    readers: Mapping[str, VoiceReader],
    settings: Mapping[str, VoiceSettings],
    key: AbcKey,
) -> str:
    """The clef that a voice states, else the key field's, else by the height of the notes."""
    stated = [settings[v].clef for v in staff if v in settings]
    for clef in [*stated, key.settings.clef]:
        if clef:
            return clef
    pitches = [h.spelling.midi for v in staff for e in readers[v].events for h in e.heads]
    return "F4" if pitches and sum(pitches) / len(pitches) < 57 else "G2"

"""What a text says and what a MIDI file is like, under the same keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partimento.core.plain import plain
from partimento.music.attributes import measure
from partimento.music.barpiece import BarPiece, read_bar_piece
from partimento.music.mood import mood
from partimento.tasks.text2midi.parsing import Finding, Understood, parse
from partimento.tasks.text2midi.wishes import checked_text


def parse_text(text: str, *, language: str | None = None) -> dict[str, Any]:
    """What is understood of a text: its attributes, None where it neither states nor implies one.

    ``findings`` are the words behind them, ``unused`` the words without a meaning here.
    ``language`` is english, italian, spanish or catalan (default: the words vote).

    Raises ConfigError for a text that is too long or a language that is not known.
    """
    understood = parse(checked_text(text), language)
    return {
        "text": understood.text,
        **understood.attributes.to_dict(),
        **findings_of(understood),
        "language": understood.language,
    }


def findings_of(understood: Understood) -> dict[str, Any]:
    """The words behind the attributes, and those without a meaning, ready for JSON."""
    return {
        "findings": [_finding(one) for one in understood.found],
        "unused": list(understood.unused),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "words": finding.words,
        "start": finding.start,
        "end": finding.end,
        "attribute": finding.attribute,
        "value": plain(finding.value),
        "how": finding.how,
    }


def measure_attributes(source: str | Path) -> dict[str, Any]:
    """What ``partimento parse`` tells of a text, measured on a MIDI file.

    ``numbers`` has density in notes a second, register as mean MIDI pitch, polyphony in notes at
    once, dynamics as mean velocity, articulation as the share of the time to the next onset that
    a note sounds; ``style_probability`` and ``mood_confidence`` tell how sure style and mood are;
    valence rests on the mode alone and is None where that is doubtful.

    Raises InputFileError for a damaged file, MusicError for one without pitched notes.
    """
    piece = read_bar_piece(source)
    found = measure(piece)
    style, probability = _style(piece)
    felt = mood(piece)
    answer = found.to_dict()
    answer["style"] = style
    answer["mood"]["valence"] = felt.valence
    numbers = {name: round(value, 4) for name, value in found.numbers.items()}
    return {
        "input": str(source),
        **answer,
        "notes": len(piece),
        "seconds": round(piece.seconds, 3),
        "numbers": numbers,
        "style_probability": probability,
        "mood_confidence": {
            "valence": round(felt.confidence, 3),
            "arousal": round(felt.arousal_confidence, 3),
        },
    }


def _style(piece: BarPiece) -> tuple[str | None, float | None]:
    """The likeliest style and its probability; None for fewer than eight notes."""
    from partimento.music.style_classifier import classify

    found = classify(piece)
    return (None, None) if found is None else (found[0], round(found[1], 4))

"""Commands around words: compose from a text, parse a text, measure attributes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import run_batch
from partimento.cli.inputs import expand
from partimento.cli.output import describe, emit, progress_bar, table
from partimento.core.plain import plain

DEFAULT_FOLDER = Path("composed")
MIDI_SUFFIXES = (".mid", ".midi")

Text = Annotated[str, typer.Argument(help='What to compose, in plain words: "a sad slow waltz".')]
Bars = Annotated[
    int | None, typer.Option(help="Length. Default: what the text says, otherwise 16.")
]
SettingWords = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help='Correct what was understood: key="D minor", tempo=90, tempo=90-110, meter=3/4, '
        "instruments=flute,harp, exclude=piano, density=3.5 ...; any forgets it. Repeatable.",
    ),
]
Pieces = Annotated[int, typer.Option("-n", "--pieces", help="How many different pieces.")]
Guidance = Annotated[float, typer.Option(help="Weight of the conditions; 1 is the plain sampler.")]
Temperature = Annotated[
    float | None, typer.Option(help="Spread of the drawing; 0 takes the likeliest.")
]
TopP = Annotated[
    float | None, typer.Option(help="Keep the likeliest of this total mass; 1 keeps all.")
]
StylePreset = Annotated[
    str | None,
    typer.Option(help="Temperature, top-k and top-p: deterministic, balanced, creative, long."),
]
BestOf = Annotated[int, typer.Option(help="Draw so many for each piece and keep the best match.")]
Force = Annotated[
    str,
    typer.Option(
        help="Enforce these too, with commas: key, polyphony. Tempo, meter and instruments "
        "are enforced where they are stated."
    ),
]
Free = Annotated[bool, typer.Option("--free", help="Enforce nothing but what --force names.")]
Like = Annotated[str | None, typer.Option(help="More text, which fills in what TEXT leaves open.")]
ContinueFrom = Annotated[
    Path | None,
    typer.Option("--continue", help="MIDI file to go on from; its bars come first."),
]
Restyle = Annotated[
    Path | None,
    typer.Option(help="MIDI file whose traits hold where TEXT is silent; a new melody."),
]
KeepMelody = Annotated[
    bool,
    typer.Option(
        "--keep-melody",
        help="With --restyle: keep its notes, and change key, mode, instruments, tempo, "
        "loudness and touch by rule.",
    ),
]
Blend = Annotated[str | None, typer.Option(help="A second text to mix in.")]
BlendWeight = Annotated[float, typer.Option(help="Share of the second text, from 0 to 1.")]


def compose(
    text: Text,
    bars: Bars = None,
    settings: SettingWords = None,
    n: Pieces = 1,
    seed: options.Seed = 0,
    guidance: Guidance = 1.5,
    temperature: Temperature = None,
    top_p: TopP = None,
    style_preset: StylePreset = None,
    best_of: BestOf = 1,
    force: Force = "",
    free: Free = False,
    like: Like = None,
    continue_from: ContinueFrom = None,
    restyle: Restyle = None,
    keep_melody: KeepMelody = False,
    blend: Blend = None,
    blend_weight: BlendWeight = 0.5,
    weights: options.Weights = "text2midi-strong",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder to write to. Default: composed.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Compose a piece from a sentence.

    Writes MIDI, MusicXML, WAV, SVG and piano roll of each piece, a page and a report. Prints what
    was understood, what was enforced, what could not be done, and how well the music matches.
    """
    with progress_bar(json) as progress:
        outcome = partimento.compose(
            text,
            out or DEFAULT_FOLDER,
            bars=bars,
            settings=settings,
            n=n,
            seed=seed,
            guidance=guidance,
            temperature=temperature,
            top_p=top_p,
            style_preset=style_preset,
            best_of=best_of,
            force=force,
            free=free,
            like=like,
            continue_from=continue_from,
            restyle=restyle,
            keep_melody=keep_melody,
            blend=blend,
            blend_weight=blend_weight,
            weights=weights,
            progress=progress,
        )
    report = plain(outcome.report())
    emit(report, json, None if json else compose_text(report))


def compose_text(report: Mapping[str, Any]) -> str:
    """A report for people: understood, set, forced, not possible; a match table per piece."""
    lines = _understood(report)
    for piece in report["pieces"]:
        lines += ["", _headline(piece)]
        if piece["rows"]:
            rows = [_match_row(row) for row in piece["rows"]]
            lines.append(table(rows, tuple(rows[0])))
    if report["closest"]:
        lines += ["", "closest pieces in the training data"]
        lines.append(table(report["closest"], _CLOSEST))
    lines += ["", *(f"wrote {file}" for file in report["files"])]
    lines.append(f"took {report['computing_seconds']:.1f} s")
    return "\n".join(lines)


_CLOSEST = ("title", "composer", "source", "licence", "similarity")
"""Columns that fit a terminal; the report has the ids and reasons too."""


def _understood(report: Mapping[str, Any]) -> list[str]:
    found = [
        {
            "understood": f"{f['attribute']} {_found(f)}",
            "from the words": f"{f['words']!r} ({f['how']})",
        }
        for f in report["understood"]["findings"]
    ]
    lines = [table(found, tuple(found[0]))] if found else ["understood: nothing; a free choice"]
    if report["understood"]["unused"]:
        lines.append(f"words without a meaning here: {', '.join(report['understood']['unused'])}")
    if report["set"]:
        lines.append(f"set: {', '.join(f'{k} = {v}' for k, v in report['set'].items())}")
    if report["forced"]:
        lines.append(f"forced: {', '.join(report['forced'])}")
    lines += [f"not possible: {sentence}" for sentence in report["could_not"]]
    return lines


NOT_JUDGED = "nothing was asked for that can be judged"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "bar"), counted(2, "bar")
    ('1 bar', '2 bars')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _found(finding: Mapping[str, Any]) -> str:
    value = _shown(finding["value"])
    return f"not {value}" if finding["how"] == "negated" else value


def _headline(piece: Mapping[str, Any]) -> str:
    best = f", the best of {piece['best_of']} draws" if piece["best_of"] > 1 else ""
    judged = any(row["ok"] is not None for row in piece["rows"])
    met = f"{piece['match']:.0%} of what was asked for is met" if judged else NOT_JUDGED
    return (
        f"piece {piece['number']}: {counted(piece['bars'], 'bar')}, "
        f"{counted(piece['notes'], 'note')}, {piece['seconds']:.0f} s; {met}{best}"
    )


def _match_row(row: Mapping[str, Any]) -> dict[str, str]:
    met = {True: "met", False: "not met", None: "cannot be told"}[row["ok"]]
    return {
        "attribute": row["attribute"],
        "asked for": _shown(row["asked"]),
        "measured": _shown(row["measured"]),
        "": f"{met}{', forced' if row['forced'] else ''}",
    }


def _shown(value: Any) -> str:
    if isinstance(value, list):
        if len(value) == 2 and all(isinstance(v, int | float) for v in value):
            return f"{value[0]:g} to {value[1]:g}"
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "-" if value is None else str(value)


def parse(
    text: Annotated[str, typer.Argument(help="A description of music.")],
    language: Annotated[
        str | None,
        typer.Option(help="english, italian, spanish or catalan. Default: the words vote."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Tell what is understood of a text, without composing.

    Attributes that the text neither states nor implies are null.
    """
    answer = plain(partimento.parse_text(text, language=language))
    emit(answer, json, None if json else parse_text(answer))


def parse_text(answer: Mapping[str, Any]) -> str:
    """The attributes that were found, and the words that they come from."""
    kept = ("text", "findings", "unused")
    known = {k: v for k, v in answer.items() if k not in kept and v not in (None, _NO_MOOD)}
    lines = [describe(known)]
    rows = [
        {
            "words": f["words"],
            "attribute": f["attribute"],
            "value": _found(f),
            "how": f["how"],
        }
        for f in answer["findings"]
    ]
    if rows:
        lines += ["", table(rows, tuple(rows[0]))]
    if answer["unused"]:
        lines += ["", f"words without a meaning here: {', '.join(answer['unused'])}"]
    return "\n".join(lines)


_NO_MOOD = {"valence": None, "arousal": None}


def attributes(
    inputs: Annotated[list[str], typer.Argument(help="MIDI files, folders of them, or globs.")],
    json: options.Json = False,
) -> None:
    """Measure on MIDI files what `parse` understands of a text.

    Tempo and its word are null where a file states none. Valence is only guessed from the mode, and
    null where that is doubtful.
    """

    def work(file: Path) -> dict[str, Any]:
        return dict(partimento.measure_attributes(file))

    files = [f for f in expand(inputs) if f.suffix.lower() in MIDI_SUFFIXES or str(f) in inputs]
    run_batch(files, work, json)

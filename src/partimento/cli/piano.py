"""Commands that play the piano: continue, infill, vary, dream, live."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import describe, emit, note, progress_bar, table
from partimento.core.plain import plain

StyleName = Literal["deterministic", "balanced", "creative", "long"]

Source = Annotated[Path, typer.Argument(help="MIDI file of a performance.")]
Style = Annotated[
    StyleName, typer.Option(help="How freely to play; sets temperature, top-k and top-p.")
]
Temperature = Annotated[
    float | None,
    typer.Option(help="Spread of the drawing instead of the style's; 0 takes the likeliest."),
]
TopK = Annotated[
    int | None, typer.Option(help="Keep so many of the likeliest; 0 keeps all. Default: the style.")
]
TopP = Annotated[
    float | None,
    typer.Option(help="Keep the likeliest of this total mass; 1 keeps all. Default: the style."),
]
Pieces = Annotated[int, typer.Option("-n", "--pieces", min=1, help="How many different pieces.")]
Precision = Annotated[
    str,
    typer.Option(help="Weights as fp32, bf16 or int8; auto: int8 where a fast kernel is, or fp32."),
]
Candidates = Annotated[
    int, typer.Option(min=1, help="Draw so many and keep those that lead on best.")
]


def continue_(
    primer: Annotated[Path, typer.Argument(help="MIDI file to go on from.")],
    seconds: Annotated[
        float | None, typer.Option(help="Length of the continuation. Default: 30.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Length in events, instead of or beside --seconds.")
    ] = None,
    primer_seconds: Annotated[
        float | None,
        typer.Option(help="Keep the first seconds of the file and replace the rest."),
    ] = None,
    style: Style = "balanced",
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="Temperatures to compare, such as 0.6,0.8,1.0: pieces and a table."),
    ] = None,
    n: Pieces = 1,
    seed: options.Seed = 0,
    candidates: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Draw a piece that runs away from its primer so often at most. Default: 3.",
        ),
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Write while playing, and show the speed.")
    ] = False,
    play: Annotated[
        str | None,
        typer.Option(help="Play the first piece on this MIDI port meanwhile (extra `live`)."),
    ] = None,
    weights: options.Weights = "piano-strong",
    precision: Precision = "auto",
    device: options.Device = "cpu",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path(
        "continued"
    ),
    json: options.Json = False,
) -> None:
    """Go on playing where a performance ends.

    The primer stays exactly as it is. Writes MIDI, WAV and piano roll of each piece, a page and a
    report. A piece that runs away from the primer's character is drawn again. The style `long`
    plays 2048 events from the first 200 of the file unless told otherwise. With --stream the MIDI
    files grow while the model plays; with --json as well every event is one line of JSON, the
    report the last.
    """
    with progress_bar(json or stream) as progress:
        outcome = partimento.continue_piece(
            primer,
            seconds=seconds,
            tokens=tokens,
            primer_seconds=primer_seconds,
            style=style,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            sweep=sweep,
            n=n,
            seed=seed,
            candidates=candidates,
            stream=stream,
            play=play,
            weights=weights,
            precision=precision,
            device=device,
            folder=out if stream else None,
            progress=progress,
            listener=_listener(json) if stream else None,
        )
    _finish(outcome, out, json, lines=stream)


def infill(
    source: Source,
    start: Annotated[float, typer.Option("--from", help="Where the gap begins, in seconds.")],
    end: Annotated[float, typer.Option("--to", help="Where the gap ends, in seconds.")],
    n: Pieces = 1,
    candidates: Candidates = 12,
    style: Style = "balanced",
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: options.Seed = 0,
    weights: options.Weights = "piano-strong",
    precision: Precision = "auto",
    device: options.Device = "cpu",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path(
        "infilled"
    ),
    json: options.Json = False,
) -> None:
    """Play a gap in a performance anew, so that it leads into what follows.

    All notes that begin outside the gap stay exactly as they are. Of several candidates those are
    kept that make the following passage likeliest.
    """
    with progress_bar(json) as progress:
        outcome = partimento.infill(
            source,
            start=start,
            end=end,
            n=n,
            candidates=candidates,
            style=style,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            weights=weights,
            precision=precision,
            device=device,
            progress=progress,
        )
    _finish(outcome, out, json)


def vary(
    source: Source,
    start: Annotated[float, typer.Option("--from", help="Vary from here on, in seconds.")] = 0.0,
    end: Annotated[
        float | None, typer.Option("--to", help="Vary up to here; default: the end.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Share of the time that is played anew, up to 1.")
    ] = 0.5,
    n: Pieces = 1,
    candidates: Candidates = 4,
    style: Style = "balanced",
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: options.Seed = 0,
    weights: options.Weights = "piano-strong",
    precision: Precision = "auto",
    device: options.Device = "cpu",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path("varied"),
    json: options.Json = False,
) -> None:
    """Play a performance with some of its stretches anew.

    The rest stays exactly as it is.
    """
    with progress_bar(json) as progress:
        outcome = partimento.vary(
            source,
            start=start,
            end=end,
            strength=strength,
            n=n,
            candidates=candidates,
            style=style,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            weights=weights,
            precision=precision,
            device=device,
            progress=progress,
        )
    _finish(outcome, out, json)


def dream(
    seconds: Annotated[
        float, typer.Option(help="Longest length; 0: until the model ends the piece, 600 at most.")
    ] = 60.0,
    style: Style = "balanced",
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    n: Pieces = 1,
    seed: options.Seed = 0,
    weights: options.Weights = "piano-strong",
    precision: Precision = "auto",
    device: options.Device = "cpu",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path("dreamed"),
    json: options.Json = False,
) -> None:
    """Play a piece from nothing."""
    with progress_bar(json) as progress:
        outcome = partimento.dream(
            seconds=seconds,
            style=style,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            n=n,
            seed=seed,
            weights=weights,
            precision=precision,
            device=device,
            progress=progress,
        )
    _finish(outcome, out, json)


def outcome_text(report: Mapping[str, Any]) -> str:
    """A report for people: the facts, a line per piece, the files."""
    hidden = ("pieces", "files", "warnings", "sweep", "right_nats_per_note_of_all_candidates")
    lines = [describe({k: v for k, v in report.items() if k not in hidden}), ""]
    columns = ("number", "style", "temperature", "seconds", "notes", "tokens", "ended")
    extra = [c for c in ("right_nats_per_note", "strength") if c in report["pieces"][0]]
    lines.append(table(report["pieces"], (*columns, *extra)))
    if report.get("sweep"):
        lines += ["", table(report["sweep"], tuple(report["sweep"][0]))]
    lines += [f"note: {warning}" for warning in report["warnings"]]
    return "\n".join([*lines, "", *(f"wrote {file}" for file in report["files"])])


def live(
    input_port: Annotated[
        str | None, typer.Option("--in", help="Part of the input port's name; default: the first.")
    ] = None,
    output_port: Annotated[
        str | None,
        typer.Option("--out", help="Part of the output port's name; default: the first."),
    ] = None,
    pause: Annotated[float, typer.Option(help="Seconds without a key that end a phrase.")] = 1.5,
    seconds: Annotated[float, typer.Option(help="Longest answer.")] = 15.0,
    turns: Annotated[
        int | None, typer.Option(help="End after so many answers; default: with Ctrl-C.")
    ] = None,
    style: Style = "balanced",
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: options.Seed = 0,
    weights: options.Weights = "piano-strong",
    precision: Precision = "auto",
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Play on a MIDI instrument, and it answers when you pause.

    Striking a key during an answer stops it. Needs the extra `live`.
    """
    report = partimento.live(
        input_port=input_port,
        output_port=output_port,
        pause=pause,
        seconds=seconds,
        turns=turns,
        style=style,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        weights=weights,
        precision=precision,
        device=device,
        listener=None if json else _note_turn,
    )
    emit(report, json)


def _note_turn(turn: dict[str, Any]) -> None:
    note(
        f"answer {turn['number']}: heard {turn['heard_notes']} notes, "
        f"played {turn['played_notes']} in {turn['played_seconds']:.1f} s"
    )


def _finish(outcome: Any, out: Path, as_json: bool, *, lines: bool = False) -> None:
    """Write the files and print the report; as one line of JSON at the end of a stream."""
    files = outcome.save(out)
    report = plain({**outcome.report(), "files": files})
    if lines and as_json:
        _line({"event": "report", **report})
    else:
        emit(report, as_json, None if as_json else outcome_text(report))


def _listener(as_json: bool) -> Callable[[dict[str, Any]], None]:
    """What a stream tells: every event as a line of JSON, or the speed in words."""
    return _line if as_json else _speed


def _line(event: Mapping[str, Any]) -> None:
    print(json_module.dumps(event, ensure_ascii=False), flush=True)


def _speed(event: Mapping[str, Any]) -> None:
    if event["event"] in ("progress", "end"):
        note(
            f"piece {event['piece']}: {event['sec']:.1f} s, {event['notes']} new notes, "
            f"{event['real_time_factor']:.1f} times real time"
        )

"""Commands that judge: check, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import run_findings
from partimento.cli.inputs import expand
from partimento.cli.judge_expression import evaluate_expression
from partimento.cli.judge_sound import evaluate_audio2visual
from partimento.cli.judge_text import evaluate_pair
from partimento.cli.output import describe, emit, progress_bar, table
from partimento.core.plain import plain

evaluate = typer.Typer(help="Measure a model on data.", no_args_is_help=True)

PianoSplit = Annotated[
    str | None,
    typer.Option(
        help="Split of the table, or `all`; default: validation where there is one, else all."
    ),
]


def check(inputs: options.Inputs, json: options.Json = False) -> None:
    """List voice-leading faults of four-part scores, with bar, beat and voices.

    The exit code is 0 whether or not there are faults.
    """

    def work(file: Path) -> list[dict[str, Any]]:
        return list(partimento.check(file).report())

    run_findings(expand(inputs), work, json)


evaluate.command("pair")(evaluate_pair)
evaluate.command("expression")(evaluate_expression)
evaluate.command("audio2visual")(evaluate_audio2visual)


@evaluate.command("chorale")
def evaluate_chorale(
    data: Annotated[Path, typer.Option(help="JSON file: split -> pieces -> frames [S, A, T, B].")],
    split: Annotated[str, typer.Option(help="Which split of the file.")] = "valid",
    task: Annotated[
        Literal["likelihood", "harmonize"],
        typer.Option(help="Measure the likelihood, or harmonise each soprano and judge it."),
    ] = "likelihood",
    weights: options.Weights = "chorale-strong",
    n: options.Count = 1,
    seed: options.Seed = 0,
    mode: options.ModeOption = "strict",
    temperature: options.Temperature = 0.6,
    top_p: options.TopP = 0.9,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Harmonise only the first pieces of the split.")
    ] = None,
    rich: Annotated[
        Path | None, typer.Option(help="File that knows where the fermatas are.")
    ] = None,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Nats per frame and per note beside the floors, or voice leading beside the references."""
    with progress_bar(json) as progress:
        result = partimento.evaluate_chorale(
            data,
            split,
            task=task,
            weights=weights,
            n=n,
            seed=seed,
            mode=mode,
            temperature=temperature,
            top_p=top_p,
            limit=limit,
            rich=rich,
            device=device,
            progress=progress,
        )
    emit(result, json)


@evaluate.command("piano")
def evaluate_piano(
    data: Annotated[
        Path, typer.Option(help="Folder of performance MIDI, or a CSV table such as ASAP's.")
    ],
    root: options.Root = None,
    split: PianoSplit = None,
    max_per_piece: options.MaxPerPiece = 2,
    weights: options.Weights = "piano-strong",
    floors_only: Annotated[
        bool, typer.Option("--floors-only", help="Measure the floors alone, without a model.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for figures and page; a stopped run goes on."),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Nats per event, note and second on performances, by kind of event, beside the floors.

    In a folder, scores (midi_score.mid) are left out, and a piece is the folder with its score,
    or what shares its notes.
    """
    with progress_bar(json) as progress:
        report = partimento.evaluate_piano(
            data,
            root=root,
            split=split,
            max_per_piece=max_per_piece or None,
            weights=weights,
            floors_only=floors_only,
            out=out,
            seed=seed,
            device=device,
            progress=progress,
        )
    short = {name: value for name, value in report.items() if name != "per_piece"}
    emit(report, json, describe(plain(short)))


@evaluate.command("critique")
def evaluate_critique(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with performances/ and, if there are, score_xml/ and score_midi/. "
            "With --protocol default: the data set percepiano."
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON file: performance -> 19 mean scores in 0..1.")
    ] = None,
    deviation: Annotated[
        Path | None, typer.Option(help="JSON file: performance -> 19 deviations of its raters.")
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option(help="CSV file with the rows of single raters.")
    ] = None,
    weights: options.Weights = "critique-strong",
    protocol: Annotated[
        Literal["passage", "performer", "groups", "work"] | None,
        typer.Option(help="Train models anew, with clips of these held out, and measure them."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many ways to part the clips.")] = 5,
    contestants: Annotated[
        list[str] | None,
        typer.Option(
            "--contestant",
            help="What to train: kernel-ridge, extra-trees, strong; repeatable. Default: all.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for figures and page; a stopped run goes on."),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Measure a critic on labelled clips, or models under a protocol, beside simple predictors.

    R2 is the mean over the 19 dimensions, each over all clips of a test. With --data and --labels
    the weights are measured on clips that they should not have seen, with or without scores.
    """
    with progress_bar(json) as progress:
        report = partimento.evaluate_critique(
            data,
            labels,
            deviation=deviation,
            ratings=ratings,
            weights=weights,
            protocol=protocol,
            seeds=seeds,
            contestants=contestants or None,
            out=out,
            seed=seed,
            progress=progress,
        )
    emit(report, json, None if json else _critique_text(report))


def _critique_text(report: dict[str, Any]) -> str:
    """The tables of an evaluation of critics, one under the other."""
    from partimento.tasks.critique.evaluation_page import printed_tables

    parts = [f"{title}\n{table(rows, tuple(rows[0]))}" for title, rows in printed_tables(report)]
    kept = ("clips", "passages", "groups", "seeds", "n", "score_match", "interval_share", "files")
    rest = {name: report[name] for name in kept if name in report}
    return "\n\n".join([*parts, describe(plain(rest))])


@evaluate.command("text2midi")
def evaluate_text2midi(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder or archive with tunes.json or pieces.json and the MIDI files they name."
        ),
    ] = None,
    weights: options.Weights = "text2midi-strong",
    generate: Annotated[
        int | None,
        typer.Option(min=2, help="Compose this many pieces and measure them instead."),
    ] = None,
    bars: Annotated[int, typer.Option(min=2, max=64, help="Length of excerpts and pieces.")] = 16,
    guidance: Annotated[
        float, typer.Option(min=0.0, help="Weight of the prompt while composing; 1 is plain.")
    ] = 1.5,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Excerpts to measure at most; default: 200.")
    ] = None,
    part: Annotated[
        Literal["train", "valid"] | None,
        typer.Option(help="Only this side of our split of the data; default: all of it."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Page to write (.html), figures beside it.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Bits that a prompt tells about its music beside shuffled prompts; or music made, measured.

    With --generate: validity, attributes heard beside chance and ceiling, interventions, copies,
    likeness to real music. What needs real music takes it from --data.
    """
    with progress_bar(json) as progress:
        report = partimento.evaluate_text2midi(
            data,
            weights=weights,
            generate=generate,
            bars=bars,
            guidance=guidance,
            limit=limit,
            part=part,
            seed=seed,
            out=out,
            progress=progress,
        )
    emit(report, json, None if json else _text2midi_text(report))


def _text2midi_text(report: dict[str, Any]) -> str:
    """The tables of an evaluation of text to music, one under the other."""
    from partimento.tasks.text2midi.evaluation_page import printed_tables

    parts = [f"{title}\n{table(rows, tuple(rows[0]))}" for title, rows in printed_tables(report)]
    kept = ("n_pieces", "n_excerpts", "limits", "generated", "prompts", "paraphrases", "files")
    rest = {name: report[name] for name in kept if name in report}
    return "\n\n".join([*parts, describe(plain(rest))])


@evaluate.command("continuations")
def evaluate_continuations(
    folder: Annotated[Path, typer.Argument(help="Folder of generated MIDI.")],
    reference: Annotated[
        Path, typer.Option(help="Folder or CSV table of real performances to stand beside.")
    ],
    training: Annotated[
        Path | None, typer.Option(help="Folder or CSV table to look for copied runs in.")
    ] = None,
    primer_seconds: Annotated[
        float | None, typer.Option(min=0.0, help="This much of every piece is its primer.")
    ] = None,
    root: options.Root = None,
    split: PianoSplit = None,
    max_per_piece: options.MaxPerPiece = 2,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for figures and page.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Musical measures of generated piano pieces beside real ones, their primer and copies."""
    with progress_bar(json) as progress:
        report = partimento.evaluate_continuations(
            folder,
            reference,
            training=training,
            primer_seconds=primer_seconds,
            root=root,
            split=split,
            max_per_piece=max_per_piece or None,
            out=out,
            progress=progress,
        )
    emit(report, json, None if json else _continuations_text(report))


def _continuations_text(report: dict[str, Any]) -> str:
    """Counts, the table of measures, and what else there is, without the long lists."""
    from partimento.tasks.piano.continuations_page import measures_table

    rows = measures_table(report)
    kept = ("generated", "reference", "passage_seconds", "to_primer", "copied", "files")
    rest = {name: report[name] for name in kept if name in report}
    return f"{table(rows, tuple(rows[0]))}\n\n{describe(plain(rest))}"

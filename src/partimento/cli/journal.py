"""Commands of the experiment journal: add, expect, observe, list, diff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, table
from partimento.core.errors import ConfigError
from partimento.core.journal import Entry

journal = typer.Typer(help="Experiment journal: what was expected before a run, and what came out.")

Place = Annotated[
    Path, typer.Option("--journal", help="Journal file, or the folder where journal.jsonl lies.")
]
Number = Annotated[int | None, typer.Option("--id", help="Entry; default: the last one.")]
Run = Annotated[Path | None, typer.Option(help="Run folder: its configuration is kept for diff.")]


@journal.command("add")
def add(
    hypothesis: Annotated[str, typer.Argument(help="What you believe, in a sentence.")],
    change: Annotated[str, typer.Option(help="What is changed to find out.")] = "",
    expect: Annotated[
        list[str] | None,
        typer.Option(help='What should come out, such as "beat_gain >= 0.10"; may be repeated.'),
    ] = None,
    round: Annotated[
        int | None, typer.Option(min=0, help="Round; default: that of the last entry.")
    ] = None,
    run: Run = None,
    journal: Place = Path("journal.jsonl"),
    json: options.Json = False,
) -> None:
    """Begin an experiment."""
    entry = partimento.journal_add(
        hypothesis, change=change, expect=expect or (), round=round, run=run, journal=journal
    )
    _emit(entry, json)


@journal.command("expect")
def expect(
    expectation: Annotated[
        str, typer.Argument(help='A comparison, such as "beat_gain >= 10% and loss < 0.5".')
    ],
    id: Number = None,
    journal: Place = Path("journal.jsonl"),
    json: options.Json = False,
) -> None:
    """Write down what should come out, before the run; refused once something was observed."""
    _emit(partimento.journal_expect(expectation, id, journal=journal), json)


@journal.command("observe")
def observe(
    note: Annotated[str, typer.Argument(help="What came out, in words.")] = "",
    figures: Annotated[
        list[str] | None,
        typer.Option("--figure", help="A figure, such as beat_gain=0.12; may be repeated."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="Run folder: the numbers of its last row are observed.")
    ] = None,
    verdict: Annotated[
        Literal["confirmed", "refuted", "open"] | None,
        typer.Option(help="For an expectation in words; figures judge themselves."),
    ] = None,
    ruled_out: Annotated[
        list[str] | None, typer.Option(help="A cause that this shows to be none; may be repeated.")
    ] = None,
    id: Number = None,
    journal: Place = Path("journal.jsonl"),
    json: options.Json = False,
) -> None:
    """Write down what came out; the verdict follows from the figures where it can."""
    entry = partimento.journal_observe(
        id,
        figures=dict(map(_figure, figures or ())),
        note=note,
        run=run,
        verdict=verdict,
        ruled_out=ruled_out or (),
        journal=journal,
    )
    _emit(entry, json)


@journal.command("list")
def list_(
    round: Annotated[int | None, typer.Option(min=0, help="Only this round.")] = None,
    journal: Place = Path("journal.jsonl"),
    json: options.Json = False,
) -> None:
    """All experiments, with the causes that were ruled out."""
    entries = partimento.journal_list(round=round, journal=journal)
    emit([entry.to_dict() for entry in entries], json, _list_text(entries))


@journal.command("diff")
def diff(
    first: Annotated[int, typer.Argument(help="Entry with a run.")],
    second: Annotated[int, typer.Argument(help="Another entry with a run.")],
    journal: Place = Path("journal.jsonl"),
    json: options.Json = False,
) -> None:
    """Settings in which the runs of two entries differ."""
    found = partimento.journal_diff(first, second, journal=journal)
    rows = [{"setting": name, str(first): a, str(second): b} for name, (a, b) in found.items()]
    columns = ("setting", str(first), str(second))
    text = table(rows, columns) if rows else "the configurations are the same"
    emit({name: list(pair) for name, pair in found.items()}, json, text)


def _figure(text: str) -> tuple[str, float]:
    """``beat_gain=0.12`` as a name and a number."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise ConfigError("a figure is written name=number", where=f"--figure {text}") from None


def _emit(entry: Entry, as_json: bool) -> None:
    emit(entry.to_dict(), as_json, _text(entry))


def _text(entry: Entry) -> str:
    """One entry in plain lines; what is empty is left out."""
    rows: dict[str, Any] = {
        "hypothesis": entry.hypothesis,
        "change": entry.change,
        "expected": "; ".join(entry.expectations)
        + (" (written down after the run began)" if entry.late else ""),
        "observed": _observed(entry),
        "run": entry.run,
        "ruled out": "; ".join(entry.ruled_out),
        "verdict": entry.verdict + (" (by hand)" if entry.judged_by_hand else ""),
    }
    lines = [f"   {name:<11}{value}" for name, value in rows.items() if value]
    return "\n".join([f"{entry.id}  round {entry.round}, {entry.date[:10]}", *lines])


def _observed(entry: Entry) -> str:
    """What was expected first, then at most five other figures, then the words."""
    expected = " ".join(entry.expectations).lower().replace(" ", "_")
    names = sorted(entry.observed, key=lambda name: name not in expected)
    shown = [f"{name} {entry.observed[name]:.4g}" for name in names[:6]]
    more = [f"{len(names) - 6} more figures"] if len(names) > 6 else []
    return "; ".join([*shown, *more, *entry.notes])


def _list_text(entries: list[Entry]) -> str:
    if not entries:
        return "the journal is empty"
    causes = [f"   {one} (entry {entry.id})" for entry in entries for one in entry.ruled_out]
    text = "\n\n".join(map(_text, entries))
    return text + ("\n\nruled out so far\n" + "\n".join(causes) if causes else "")

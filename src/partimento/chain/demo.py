"""The chorale and piano demo: a melody harmonised, a performance continued, one page for both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.models import show_model
from partimento.examples import PRIMER, example_path
from partimento.music.grid import VOICE_LONG_NAMES
from partimento.music.musicxml_write import musicxml_text
from partimento.render.page import (
    AudioSection,
    Figure,
    FigureSection,
    LinkSection,
    Section,
    TableSection,
    TextSection,
    page_wav,
    score_section,
    write_page,
)
from partimento.render.plots import heatmap_svg, piano_roll_svg, score_roll
from partimento.render.sheet import engrave
from partimento.tasks.chorale.harmonize import Alternative, Harmonization, harmonize
from partimento.tasks.chorale.loading import DEFAULT_WEIGHTS, load_drawing
from partimento.tasks.piano.generate import continue_piece
from partimento.tasks.piano.outcome import Outcome, render_piece, roll_svg

Progress = Callable[[int, int, str], None]

DEMO_MELODY = "old_hundredth"
SCORE_HEADING = "Score and sound"
ATTENTION_STEPS = 32
PIANO_SECONDS = 20.0
PIANO_FOLDER = "piano"


def demo(
    out: str | Path = "demo",
    seed: int = 0,
    *,
    melody: str | Path | None = None,
    weights: str = DEFAULT_WEIGHTS,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Harmonise our own melody (or ``melody``) and continue our own performance.

    The page is ``out/index.html``.

    Beside it are the score as MusicXML, MIDI, WAV, SVG and PNG, and in ``out/piano`` the
    performance.  Returns the report with the files written.
    """
    start = time.perf_counter()
    out = Path(out)
    source = example_path(DEMO_MELODY) if melody is None else Path(melody)

    def tell(step: int, label: str) -> None:
        if progress is not None:
            progress(step, 5, label)

    tell(0, "harmonise")
    result = harmonize(source, seed=seed, weights=weights, device=device)
    tell(1, "engrave and render")
    files = result.save(out)
    tell(2, "look into the model")
    attention = attention_figures(result.alternatives[0].grid, weights, device)
    tell(3, "continue a performance")
    played = continue_piece(example_path(PRIMER), seconds=PIANO_SECONDS, seed=seed, device=device)
    piano_files = played.save(out / PIANO_FOLDER)
    tell(4, "page")
    page = write_page(
        out / "index.html",
        result.alternatives[0].score.title or source.stem,
        [
            *demo_sections(result, files, attention, weights),
            *piano_sections(played, piano_files),
        ],
        lead="A melody harmonised in four parts, and a piano performance continued, by models that "
        "this project trained.",
    )
    tell(5, "done")
    return {
        "page": page,
        "files": [*files, *piano_files],
        "total_seconds": round(time.perf_counter() - start, 2),
        "piano": played.report(),
        **result.report(),
    }


def demo_sections(
    result: Harmonization, files: Sequence[Path], attention: Sequence[Figure], weights: str
) -> list[Section]:
    """Everything on the demo page, in reading order."""
    first = result.alternatives[0]
    generated = [v for v in range(4) if not result.satb.notes[v]]
    engraving = engrave(musicxml_text(first.score), guarded=False)
    roll = piano_roll_svg(
        score_roll(first.score, generated),
        title="Piano roll",
        bar_lines=[float(m.onset_quarter) for m in first.score.measures],
        voice_names=VOICE_LONG_NAMES,
    )
    given = ", ".join(VOICE_LONG_NAMES[v].lower() for v in range(4) if v not in generated)
    return [
        score_section(
            SCORE_HEADING,
            first.score,
            engraving,
            text=f"Given: {given}. Everything else was written by the model in {result.key.name}.",
            fermata_stretch=1.4,
        ),
        FigureSection("Piano roll", [Figure(roll, "Time runs to the right.", SCORE_HEADING)]),
        *report_sections(first),
        FigureSection(
            "What the model looks at",
            attention,
            text="Self-attention of the last layer, mean over heads: row = the 16th being written, "
            "column = the 16th it looks back at.",
        ),
        card_section(weights),
        LinkSection("Files", [(file.suffix[1:], file.name) for file in files]),
        *([TextSection("Notes on the input", result.warnings)] if result.warnings else []),
    ]


def piano_sections(played: Outcome, files: Sequence[Path]) -> list[Section]:
    """The continued performance: to hear, to see, measured beside its primer."""
    piece, report = played.pieces[0], played.report()
    row = report["pieces"][0]
    text = (
        f"The first {report['primer_seconds']:.0f} seconds were played to the model, which went on "
        f"for {row['seconds']:.0f}."
    )
    roll = roll_svg(piece, "Performance", played.given)
    measures = [[name.replace("_", " "), value] for name, value in row["to_primer"].items()]
    return [
        AudioSection("A performance continued", page_wav(render_piece(piece)), text),
        FigureSection(
            "The performance", [Figure(roll, "Primer and model; deeper colour is louder.")]
        ),
        TableSection("The continuation beside its primer", ["measure", ""], measures),
        LinkSection(
            "Files of the performance", [(f.suffix[1:], f"{PIANO_FOLDER}/{f.name}") for f in files]
        ),
    ]


def report_sections(found: Alternative) -> list[Section]:
    """Voice-leading report: findings one by one, and rates."""
    findings = [
        [row["rule"], row["bar"], row["beat"], ", ".join(row["voices"]), row["message"]]
        for row in found.report["findings"]
    ]
    clean = "" if findings else "The checker found nothing to mark."
    measures = [[name.replace("_", " "), rate] for name, rate in found.report["measures"].items()]
    kept = [
        [name.replace("_", " "), 100 * share] for name, share in found.report["preserved"].items()
    ]
    return [
        TableSection(
            "Voice-leading report", ["rule", "bar", "beat", "voices", "what"], findings, text=clean
        ),
        TableSection(
            "Measures",
            ["measure", "%"],
            measures,
            caption="Parallels and their kin per 100 changes; the other rates in per cent.",
        ),
        TableSection("What was given and is still there", ["aspect", "%"], kept),
    ]


def attention_figures(grid: np.ndarray, weights: str, device: str = "cpu") -> list[Figure]:
    """Heat map of the last layer's self-attention over the first two bars of a grid (T, 4)."""
    from partimento.nn import tap

    model = load_drawing(weights, device)
    with tap.listen() as taps:
        model.observe(grid[:ATTENTION_STEPS])
    maps = tap.require(taps, "self_attention")
    steps = [str(i + 1) if i % 4 == 0 else "" for i in range(min(ATTENTION_STEPS, len(grid)))]
    picture = heatmap_svg(
        maps[-1][0].mean(0).numpy(),
        title="Self-attention of the last layer",
        rows=steps,
        columns=steps,
        row_label="16th being written",
        column_label="16th that is read",
    )
    return [Figure(picture, "Bright cells: the model reads these moments of the past.")]


def card_section(weights: str) -> TableSection:
    """The card of the weights as a table."""
    card = show_model(weights)
    rows = [
        ["name", card["name"]],
        ["summary", card["summary"]],
        ["licence", card["licence"]],
        ["parameters", card["parameters"]],
        *(["trained on", line] for line in card["trained_on"]),
        *([name.replace("_", " "), f"{value:.4g}"] for name, value in card["metrics"].items()),
    ]
    return TableSection("The model", ["", ""], rows)

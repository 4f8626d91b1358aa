"""The demo: a sentence goes the whole way, a known melody is harmonised, a performance goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.chain.song import Song, song
from partimento.chain.song_page import song_lead, song_sections
from partimento.chain.voice_leading_page import voice_leading_parts
from partimento.core.models import show_model
from partimento.core.progress import Progress
from partimento.examples import PRIMER, example_path
from partimento.music.grid import VOICE_LONG_NAMES
from partimento.music.musicxml_write import musicxml_text
from partimento.render.page import (
    AudioSection,
    Cell,
    Figure,
    FigureSection,
    LinkSection,
    MixedSection,
    Section,
    TableSection,
    TextSection,
    page_wav,
    score_section,
    write_page,
)
from partimento.render.plots import heatmap_svg, piano_roll_svg, score_roll
from partimento.render.sheet import engrave
from partimento.tasks.chorale.harmonize import Harmonization, harmonize
from partimento.tasks.chorale.loading import DEFAULT_WEIGHTS, load_drawing
from partimento.tasks.piano.generate import continue_piece
from partimento.tasks.piano.outcome import Outcome, render_piece, roll_svg

DEMO_TEXT = (
    "A sad piano piece in G minor with rich chords, like rain at night, harmonised in four parts"
)
DEMO_BARS = 12
DEMO_MELODY = "old_hundredth"
MELODY_HEADING = "A known melody, harmonised"
ATTENTION_STEPS = 32
PIANO_SECONDS = 10.0
MELODY_FOLDER, PIANO_FOLDER = "melody", "piano"
_STEPS = 9
"""Seven of the song, then the melody and the performance."""


def demo(
    out: str | Path = "demo",
    seed: int = 0,
    *,
    text: str | None = None,
    melody: str | Path | None = None,
    weights: str = DEFAULT_WEIGHTS,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """One sentence becomes a piece, its critique, a chorale and a cover; all on one page.

    ``text`` is the sentence (None: the demo's own, in 12 bars).  After it come a melody that
    everybody knows (or ``melody``, a file), harmonised with ``weights``, and a piano performance
    that a model continues.  The page is ``out/index.html``; the files of the sentence lie beside
    it, the others in ``out/melody`` and ``out/piano``.  Returns the report with the files written.
    """
    start = time.perf_counter()
    out = Path(out)

    def tell(step: int, label: str) -> None:
        if progress is not None:
            progress(step, _STEPS, label)

    made = song(
        DEMO_TEXT if text is None else text,
        out,
        bars=DEMO_BARS if text is None else None,
        harmonize=True,
        seed=seed,
        progress=lambda step, _, label: tell(min(step, _STEPS - 2), label),
    )
    tell(_STEPS - 2, "harmonise a known melody")
    source = example_path(DEMO_MELODY) if melody is None else Path(melody)
    result = harmonize(source, seed=seed, weights=weights, device=device)
    melody_files = result.save(out / MELODY_FOLDER)
    tell(_STEPS - 1, "continue a performance")
    played = continue_piece(example_path(PRIMER), seconds=PIANO_SECONDS, seed=seed, device=device)
    files = [*made.files, *melody_files, *played.save(out / PIANO_FOLDER)]
    others = [*melody_sections(result, weights, device), *piano_sections(played)]
    sections = [*song_sections(made), *others, _files(out, files)]
    page = write_page(out / "index.html", made.composed.title, sections, lead=_lead(made))
    tell(_STEPS, "done")
    reports = {"song": made.report(), "melody": result.report(), "piano": played.report()}
    seconds = round(time.perf_counter() - start, 2)
    return {"page": page, "files": files, **reports, "seconds": seconds}


def _lead(made: Song) -> str:
    return (
        f"{song_lead(made)} Below it: a known melody harmonised, and a piano performance continued."
        " Every model was trained by this project."
    )


def _files(out: Path, files: Sequence[Path]) -> LinkSection:
    """Links to all that was written but the page itself."""
    names = [file.relative_to(out).as_posix() for file in files]
    return LinkSection("Files", [(name, name) for name in names if name != "index.html"])


def melody_sections(result: Harmonization, weights: str, device: str = "cpu") -> list[Section]:
    """The harmonised melody: to see, to hear, to check, and what the model looked at."""
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
            MELODY_HEADING,
            first.score,
            engraving,
            text=f"Given: {given}. Everything else was written by the model in {result.key.name}.",
            fermata_stretch=1.4,
        ),
        MixedSection(
            "More on the melody",
            [
                FigureSection(
                    "The voices", [Figure(roll, "Time runs to the right.", MELODY_HEADING)]
                ),
                *voice_leading_parts(first),
                FigureSection(
                    "What the model looks at",
                    attention_figures(first.grid, weights, device),
                    text="Each row is the sixteenth that is being written, each column a "
                    "sixteenth before it that is read.",
                ),
                _card(weights),
                *([TextSection("Notes on the input", result.warnings)] if result.warnings else []),
            ],
        ),
    ]


def piano_sections(played: Outcome) -> list[Section]:
    """The continued performance: to hear and to see; its own page measures it."""
    piece, report = played.pieces[0], played.report()
    row = report["pieces"][0]
    text = (
        f"The first {report['primer_seconds']:.0f} seconds were played to the model, which went on "
        f"for {row['seconds']:.0f}."
    )
    roll = roll_svg(piece, "Performance", played.given)
    return [
        AudioSection("A performance continued", page_wav(render_piece(piece)), text),
        FigureSection(
            "The performance",
            [Figure(roll, "First what was played to the model, then the model; deeper is louder.")],
        ),
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
    return [
        Figure(
            picture,
            "The darker a cell, the more the model reads that moment of the past. "
            "Last layer, mean over its heads.",
        )
    ]


def _card(weights: str) -> TableSection:
    """What the weights are, may be used for and have learnt from."""
    card = show_model(weights)
    rows: list[list[Cell]] = [
        ["name", card["name"]],
        ["summary", card["summary"]],
        ["licence", card["licence"]],
        ["parameters", card["parameters"]],
        *(["trained on", line] for line in card["trained_on"]),
    ]
    return TableSection("The model", ["what", "is"], rows)

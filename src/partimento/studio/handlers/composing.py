"""Jobs of the composing page: pieces from words, some bars drawn anew, the whole song."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.studio.bench import Bench
from partimento.studio.handlers.job_files import write_json
from partimento.studio.handlers.piece_data import (
    bar_seconds,
    described,
    facts,
    match_rows,
    roll_data,
    timing_data,
    write_views,
)
from partimento.studio.handlers.understanding import understand
from partimento.studio.orders import ComposeOrder, RegenerateOrder, SongOrder

if TYPE_CHECKING:
    from partimento.chain.song import Song
    from partimento.chain.song_setting import Setting
    from partimento.music.expression import Played
    from partimento.studio.handlers.following import Followed
    from partimento.tasks.text2midi.outcome import Outcome

__all__ = ["compose_job", "regenerate_job", "song_job", "understand"]

GIVEN = "given"
"""Stem of the files of the piece whose bars were drawn anew."""


def compose_job(order: ComposeOrder, bench: Bench) -> dict[str, Any]:
    """Pieces from words, each with its files and how well it matches."""
    from partimento import compose
    from partimento.chain.song_wishes import wishes_of

    wishes = wishes_of(order.text)
    outcome = compose(
        wishes.about,
        bars=order.bars,
        settings=order.settings or None,
        n=order.n,
        best_of=order.best_of,
        guidance=order.guidance,
        temperature=order.temperature,
        seed=order.seed,
        progress=bench.tell,
    )
    found = _kept(outcome, bench, outcome.title)
    later = [f"{one.words}: The whole song does this" for one in wishes.asked]
    return {**found, "text": order.text, "could_not": [*found["could_not"], *later]}


def regenerate_job(order: RegenerateOrder, bench: Bench) -> dict[str, Any]:
    """Some bars of a piece drawn anew; the piece as it was stands beside the alternatives."""
    from partimento.tasks.text2midi.regenerate import regenerate

    source = bench.path(order.piece)
    outcome = regenerate(
        source,
        order.text,
        bars=order.bars,
        instruments=order.instruments or None,
        locked=order.locked,
        settings=order.settings or None,
        n=order.n,
        candidates=order.candidates,
        guidance=order.guidance,
        temperature=order.temperature,
        seed=order.seed,
        progress=bench.tell,
    )
    region = outcome.facts["region"]
    first, last = region["first_bar"], region["last_bar"]
    done = f"Bar {first} anew" if first == last else f"Bars {first} to {last} anew"
    name = _title(source, bench.name(order.piece))
    # The score is called by the piece, not by what changed in it.
    found = _kept(replace(outcome, name=name), bench, done)
    for row, new in zip(found["pieces"], region["new_rows"], strict=True):
        row["new_rows"] = new
    kept = {name: region[name] for name in ("first_bar", "last_bar", "instruments", "chosen_by")}
    counts = {"kept": region["notes_kept"], "replaced": region["notes_replaced"]}
    return {**found, "given": _given(bench, order.piece, name), "region": {**kept, **counts}}


def _kept(outcome: Outcome, bench: Bench, title: str) -> dict[str, Any]:
    """Every file of every piece, and what the page shows of them."""
    bench.tell(0, 1, "engrave and render")
    outcome = outcome.saved(bench.folder)
    return {
        "title": title,
        "text": outcome.understood.text,
        "could_not": list(outcome.could_not),
        "forced": list(outcome.forced),
        "seed": outcome.facts["seed"],
        "pieces": [described(piece, outcome.title, bench.folder) for piece in outcome.pieces],
        "closest": [
            {"title": one.title, "composer": one.composer, "similarity": round(one.similarity, 3)}
            for one in outcome.closest
        ],
    }


def _title(midi: Path, name: str) -> str:
    """What the piece is called in the score that a job wrote beside its MIDI file."""
    from partimento.music.files import read_score

    score = midi.with_suffix(".musicxml")
    return (read_score(score).title if score.is_file() else "") or Path(name).stem


def _given(bench: Bench, ref: str, title: str) -> dict[str, Any]:
    """The piece before the change, in files of this job: the older job may be deleted."""
    from partimento.core.files import write_atomic
    from partimento.music.attributes import measured_key
    from partimento.music.barpiece_write import midi_bytes_of, score_of
    from partimento.music.musicxml_write import musicxml_text
    from partimento.render.sound import write_wav
    from partimento.tasks.text2midi.outcome import SAMPLE_RATE, engraved, rendered
    from partimento.tasks.text2midi.request import given_piece

    piece = given_piece(bench.path(ref), own_bars=True)
    key = measured_key(piece)
    score = score_of(piece, key, title)
    engraving = engraved(musicxml_text(score))
    write_views(bench.folder, GIVEN, piece, score, engraving)
    files: dict[str, bytes | str] = {
        ".mid": midi_bytes_of(piece, title, key),
        ".musicxml": musicxml_text(score),
        ".svg": engraving.svg,
    }
    for suffix, data in files.items():
        write_atomic(bench.folder / f"{GIVEN}{suffix}", data)
    write_wav(bench.folder / f"{GIVEN}.wav", rendered(piece), SAMPLE_RATE)
    return {**facts(piece, GIVEN), "key": key, "ref": ref, "rows": []}


# The whole song


def song_job(order: SongOrder, bench: Bench) -> dict[str, Any]:
    """A sentence becomes a played, judged, engraved, heard and pictured piece."""
    from partimento import song
    from partimento.studio.handlers.following import Followed
    from partimento.tasks.text2midi.outcome import written_score

    made = song(
        order.text,
        bench.folder,
        bars=order.bars,
        settings=order.settings or None,
        candidates=order.candidates,
        players=order.players,
        guidance=order.guidance,
        expression=order.expression,
        harmonize=order.harmonize,
        arrange=order.arrange,
        seed=order.seed,
        progress=bench.tell,
    )
    best = made.best
    played = best.played
    data = roll_data(best.piece.piece, (played.onset_sec, played.offset_sec, played.velocity))
    write_json(bench.folder, "performance.json", {**data, "bars": bar_seconds(played)})
    score = written_score(best.piece, made.composed.title)
    _write_timing(bench, "score", Followed(score, made.engraving), played)
    for one in made.settings:
        _write_timing(bench, one.name, Followed(one.score, one.engraving), one.played)
    return _song_row(made)


def _write_timing(bench: Bench, stem: str, followed: Followed, played: Played) -> None:
    """When the notes of a score sound in a performance of it."""
    write_json(bench.folder, f"{stem}.timing.json", timing_data(followed, played.seconds_at))


def _song_row(made: Song) -> dict[str, Any]:
    from partimento.chain.song_page import song_lead
    from partimento.render.sound import lead_in_sec

    best = made.best
    piece = best.piece.piece
    return {
        "title": made.composed.title,
        "text": made.wishes.text,
        "lead_text": song_lead(made),
        "chosen": best.name,
        "chosen_by": made.chosen_by,
        "facts": {
            "bars": piece.bars, "meter": piece.meter, "key": best.piece.key,
            "seconds": round(best.played.seconds, 1), "match": round(best.piece.chosen.score, 4),
            "convincing": best.row()["convincing"],
        },
        "takes": [take.row() for take in made.takes],
        "rows": match_rows(best.piece.chosen.rows),
        "could_not": list(made.composed.could_not),
        "critique": _critique(made),
        "picture": {"file": "cover.png", "note": made.picture.note},
        "settings": [_setting(one) for one in made.settings],
        "lead": lead_in_sec(),
    }  # fmt: skip


def _critique(made: Song) -> dict[str, Any] | None:
    """The critic's view of the kept take, for the radar; None where it could not judge."""
    from partimento.chain.song_page import critic_caveats
    from partimento.studio.handlers.criticising import radar_data

    judged = made.best.judged
    if judged is None:
        return None
    return {
        "summary": judged.summary(),
        "caveats": critic_caveats(made.best),
        "radar": radar_data([judged]),
    }


def _setting(made: Setting) -> dict[str, Any]:
    from partimento.render.sound import lead_in_sec

    said = list(made.said)
    return {"heading": made.heading, "stem": made.name, "said": said, "lead": lead_in_sec()}

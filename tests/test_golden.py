"""The difficult inputs of tests/golden: each gives a right result or one clear sentence."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import partimento
from partimento.core.checkpoint import shipped_weights
from partimento.core.errors import PartimentoError
from partimento.music.assemble import assemble
from partimento.music.files import read_score, write_score
from partimento.music.grid import UNKNOWN
from partimento.music.keys import detect_score_key
from partimento.music.preserve import missing_things, output_voices, preserved
from partimento.music.satb import Satb, extract_satb, require_gaps
from partimento.music.score import Score

GOLDEN = Path(__file__).resolve().parent / "golden"
sys.path.insert(0, str(GOLDEN))

import generate  # noqa: E402
from cases import CASES, Case, Expect  # noqa: E402

GOOD = [case for case in CASES if case.expect is not None]
BAD = [case for case in CASES if case.error]


def test_every_case_expects_one_thing():
    assert len(CASES) >= 30
    assert len(GOOD) + len(BAD) == len(CASES)
    assert len({case.name for case in CASES}) == len(CASES)


def test_files_are_those_of_the_generator():
    for name, data in generate.files().items():
        stored = (GOLDEN / name).read_bytes()
        if name.endswith(".mxl"):  # compression differs between versions of zlib
            assert _members(stored) == _members(data), name
        else:
            assert stored == data, name


def _members(data: bytes) -> list[tuple[str, int, int]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(i.filename, i.file_size, i.CRC) for i in archive.infolist()]


def held_chords(satb: Satb) -> np.ndarray:
    """A filling that needs no model: an octave-spread chord on the melody's pitch, rests kept."""
    grid = satb.grid.copy()
    for row in grid:
        known = [p for p in row if p >= 0]
        root = known[0] if known else 60
        for v, (low, step) in enumerate(((60, 0), (53, 4), (46, 7), (36, 0))):
            if row[v] == UNKNOWN:
                row[v] = low + (root + step - low) % 12
    return grid


def prepared(case: Case) -> tuple[Score, Satb]:
    score = read_score(GOLDEN / case.file)
    satb = extract_satb(
        score, case.options.get("voices"), case.options.get("lock", ()), case.options.get("region")
    )
    require_gaps(satb)
    return score, satb


@pytest.mark.parametrize("case", BAD, ids=lambda c: c.name)
def test_bad_input_gives_one_sentence(case: Case):
    with pytest.raises(PartimentoError) as caught:
        prepared(case)
    text = str(caught.value)
    assert case.error in text
    assert "\n" not in text and len(text) < 500


@pytest.mark.parametrize(
    ("case", "layout"),
    [(c, x) for c in GOOD for x in ("four", "two") if (c.name, x) != ("two_hundred_bars", "two")],
    ids=lambda x: x if isinstance(x, str) else x.name,
)
def test_good_input_is_kept_and_described(case: Case, layout, tmp_path):
    score, satb = prepared(case)
    out = assemble(score, satb, held_chords(satb), layout=layout, key=detect_score_key(score))
    assert case.expect is not None
    check_result(case.expect, score, satb, out)
    write_score(out, tmp_path / "out.musicxml")
    check_result(case.expect, score, satb, read_score(tmp_path / "out.musicxml"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_harmonize(case: Case):
    """The same through the front door, with the shipped network."""
    path = GOLDEN / case.file
    if case.expect is None:
        with pytest.raises(PartimentoError) as caught:
            partimento.harmonize(path, **case.options)
        assert case.error in str(caught.value)
        return
    if "chorale-strong" not in shipped_weights():
        pytest.skip("the strong chorale model is not shipped yet")
    result = partimento.harmonize(path, seed=0, **case.options)
    check_result(case.expect, read_score(path), result.satb, result.alternatives[0].score)


def check_result(expect: Expect, score: Score, satb: Satb, out: Score) -> None:
    assert missing_things(score, satb, out) == []
    assert preserved(score, satb, out)["share"] == 1.0
    voices = output_voices(out)
    assert all(voices)
    assert satb.shift_semitones == expect.shift
    told = " ".join((*satb.report, *score.warnings))
    for fragment in expect.report:
        assert fragment in told
    if expect.given is not None:
        assert tuple(len(v) for v in satb.notes) == expect.given
    check_frame(expect, out)
    check_marks(expect, satb, out)
    for start, end in expect.silent:
        assert not [n for n in out.notes if n.onset_quarter < end and n.end_quarter > start]


def check_frame(expect: Expect, out: Score) -> None:
    """Bars, signatures, tempo and title of the output."""
    found = {
        "n_bars": len(out.measures),
        "first_bar_quarter": out.measures[0].duration_quarter,
        "meters": tuple(f"{t.beats}/{t.beat_type}" for t in out.time_signatures),
        "keys": tuple(k.fifths for k in out.key_signatures),
        "endings": sum(bool(m.endings) for m in out.measures),
        "tempo": out.tempi[0].quarter_per_minute if out.tempi else None,
        "title": out.title,
    }
    for name, value in found.items():
        if getattr(expect, name) is not None:
            assert value == getattr(expect, name), name


def check_marks(expect: Expect, satb: Satb, out: Score) -> None:
    """Counts of what hangs on the given notes, in the output."""
    voices = output_voices(out)
    lead = voices[satb.melody or 0]
    if expect.lyrics is not None:
        assert sum(bool(n.lyrics) for n in lead) == expect.lyrics
    if expect.graces is not None:
        assert sum(n.grace for n in lead) == expect.graces
    if expect.ties is not None:
        assert sum(n.tie_start for n in lead) == expect.ties
    if expect.fermata_chords is not None:
        marked = [{n.end_quarter for n in v if n.fermata} for v in voices]
        assert len(set.intersection(*marked)) == expect.fermata_chords
        assert len(set.union(*marked)) == expect.fermata_chords

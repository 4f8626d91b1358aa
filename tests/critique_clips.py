"""Small scores and performances whose features are known."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import symusic

DIVISIONS = 4
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MELODY = [
    "C5",
    "D5",
    "E5",
    "F5",
    "G5",
    "A5",
    "B5",
    "C6",
    "B5",
    "A5",
    "G5",
    "F5",
    "E5",
    "D5",
    "C5",
    "B4",
]


@dataclass(frozen=True)
class Files:
    performance: Path
    score: Path | None = None
    score_midi: Path | None = None


def midi_number(name):
    return 12 * (int(name[1:]) + 1) + STEPS[name[0]]


def note(name, duration=4, *, voice=1, staff=1, chord=False, grace=False, inner="", kind="quarter"):
    """A note of ``duration`` divisions; ``name`` None is a rest."""
    pitch = "<rest/>"
    if name is not None:
        pitch = f"<pitch><step>{name[0]}</step><octave>{name[1:]}</octave></pitch>"
    length = "<grace/>" if grace else ""
    after = "" if grace else f"<duration>{duration}</duration>"
    together = "<chord/>" if chord else ""
    marks = f"<notations>{inner}</notations>" if inner else ""
    return (
        f"<note>{length}{together}{pitch}{after}<voice>{voice}</voice><type>{kind}</type>"
        f"<staff>{staff}</staff>{marks}</note>"
    )


def direction(inner, sound=""):
    return f"<direction><direction-type>{inner}</direction-type>{sound}</direction>"


def back(duration):
    return f"<backup><duration>{duration}</duration></backup>"


def document(*bars, beats=4, beat_type=4, fifths=0):
    """A piano score of one part with two staves; each bar is the text of its content."""
    head = (
        f"<attributes><divisions>{DIVISIONS}</divisions><key><fifths>{fifths}</fifths></key>"
        f"<time><beats>{beats}</beats><beat-type>{beat_type}</beat-type></time>"
        "<staves>2</staves></attributes>"
    )
    measures = "".join(
        f'<measure number="{i + 1}">{head if i == 0 else ""}{bar}</measure>'
        for i, bar in enumerate(bars)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0"><part-list>'
        '<score-part id="P1"><part-name>Piano</part-name></score-part></part-list>'
        f'<part id="P1">{measures}</part></score-partwise>'
    ).encode()


def scale_score():
    """Four bars of 4/4: a melody in quarters over a C in each bar."""
    bars = []
    for bar in range(4):
        melody = "".join(note(name) for name in MELODY[4 * bar : 4 * bar + 4])
        bars.append(melody + back(16) + note("C3", 16, voice=5, staff=2, kind="whole"))
    return document(*bars)


def scale_rows(beat_sec=0.5, held=1.0, velocity=64, shift=None):
    """Rows (onset, key up, pitch, velocity) of :func:`scale_score`; ``beat_sec`` per bar or one."""
    per_bar = np.broadcast_to(np.asarray(beat_sec, dtype=float), (4,))
    times = np.concatenate([[0.0], np.cumsum(np.repeat(per_bar, 4))])
    rows = []
    for index, name in enumerate(MELODY):
        late = 0.0 if shift is None else shift[index]
        end = times[index] + held * (times[index + 1] - times[index])
        rows.append((times[index] + late, end + late, midi_number(name), velocity))
    rows += [(times[4 * b], times[4 * b + 4] - 0.02, 48, velocity) for b in range(4)]
    return rows


def write_played(path, rows, controls=(), *, start=0.0):
    """A MIDI file of rows (onset, end, pitch, velocity) and controls (time, number, value)."""
    score = symusic.Score(500)
    score.tempos.append(symusic.Tempo(0, 120))
    track = symusic.Track("piano", 0, False)
    for onset, end, pitch, velocity in rows:
        tick = round(1000 * (onset + start))
        track.notes.append(symusic.Note(tick, round(1000 * (end - onset)), pitch, velocity))
    for time, number, value in controls:
        track.controls.append(symusic.ControlChange(round(1000 * (time + start)), number, value))
    score.tracks.append(track)
    score.dump_midi(str(path))
    return path


def clip(folder, rows=None, controls=(), score=None, name="clip"):
    """Both files on disk; the scale and its plain performance unless given."""
    written = folder / f"{name}.musicxml"
    written.write_bytes(scale_score() if score is None else score)
    played = write_played(folder / f"{name}.mid", scale_rows() if rows is None else rows, controls)
    return Files(played, written)


def some_clips(data_dir, folder, every):
    """Keys and files of every so many of the PercePiano clips, unpacked; a score is shared."""
    archive = data_dir / "percepiano" / "clips.tar.xz"
    if not archive.is_file():
        pytest.skip("the PercePiano clips are not in the data folder")
    with tarfile.open(archive) as packed:
        members = {m.name.removeprefix("./"): m for m in packed if m.isfile()}
        played = sorted(name for name in members if name.startswith("performances/"))[::every]
        found = []
        for name in played:
            words = Path(name).stem.strip().split("_")
            written = "score_xml/" + "_".join([*words[:-2], "Score", words[-1]]) + ".musicxml"
            files = []
            for wanted in (name, written):
                target = folder / wanted.replace("/", "_")
                target.write_bytes(packed.extractfile(members[wanted]).read())
                files.append(target)
            found.append((Path(name).stem, Files(*files)))
    return found

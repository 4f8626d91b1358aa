"""A folder in ASAP's layout, played by a made-up pianist whose habits are known."""

import numpy as np

from partimento.music.expression_features import NAMES
from partimento.music.expression_model import ExpressionModel, ExpressionNetwork, Layer, Manners
from partimento.music.expression_targets import CONTINUOUS, TARGETS

TICKS = 480
SECOND = 960
"""Ticks in a second at 120 quarters a minute."""


def score_rows(seed, bars=12):
    """Rows onset, duration (quarters), pitch: a melody in eighths over chords on 1 and 3."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.integers(-2, 3, size=8 * bars)) % 12
    rows = [(0.5 * n, 0.5, 67 + int(step)) for n, step in enumerate(walk)]
    for bar in range(bars):
        for beat in (0, 2):
            root = 41 + int(rng.integers(0, 7))
            rows += [(4.0 * bar + beat, 2.0, root + up) for up in (0, 4, 7)]
    return sorted(rows)


def played_rows(rows, seed, bars=12):
    """Rows onset, key-up time (seconds), pitch, velocity; and the seconds of the beats.

    Habits: the first beat of a bar is held 1.3 times as long, the melody is 20 steps louder and
    half as long, chords come 20 ms late, and nobody is exact.
    """
    rng = np.random.default_rng(seed)
    pace = np.where(np.arange(4 * bars) % 4 == 0, 1.3, 1.0) * 0.5
    beats = 1.0 + np.concatenate([[0.0], np.cumsum(pace)])
    grid = np.arange(4 * bars + 1)
    played = []
    for onset, duration, pitch in rows:
        melody = pitch >= 65
        start = np.interp(onset, grid, beats) + (0.0 if melody else 0.02)
        end = np.interp(onset + duration, grid, beats)
        held = (end - start) * (0.45 if melody else 0.9)
        loud = (80 if melody else 60) + rng.integers(-3, 4)
        played.append((float(start + rng.normal(0, 0.002)), float(held), pitch, int(loud)))
    return sorted(played), beats[:-1]


def write_midi(path, rows, meter=None, pedal=()):
    """A MIDI file of rows onset, length (seconds), pitch, velocity, at 120 quarters a minute."""
    from symusic import ControlChange, Note, Score, Tempo, TimeSignature, Track

    score = Score(TICKS)
    score.tempos.append(Tempo(0, 120.0))
    if meter:
        score.time_signatures.append(TimeSignature(0, *meter))
    track = Track("piano", 0)
    for onset, length, pitch, velocity in rows:
        start = round(onset * SECOND)
        track.notes.append(Note(start, max(1, round(length * SECOND)), pitch, velocity))
    for down, up in pedal:
        track.controls.append(ControlChange(round(down * SECOND), 64, 127))
        track.controls.append(ControlChange(round(up * SECOND), 64, 0))
    score.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(score.dumps_midi())


def write_beats(path, seconds, meter="4/4", first=0):
    """Annotations: a downbeat every four beats from ``first`` on."""
    lines = []
    for n, second in enumerate(seconds):
        down = (n - first) % 4 == 0 and n >= first
        mark = ("db" if down else "b") + (f",{meter},0" if n == first else "")
        lines.append(f"{second:.6f}\t{second:.6f}\t{mark}")
    path.write_text("\n".join(lines) + "\n")


def write_asap(place, works=4, players=2, bars=12, extra=True):
    """The folder; the last work is for validation.  ``extra``: each player strikes a wrong key."""
    head = "composer,title,folder,midi_performance,midi_score,performance_annotations,"
    table = [head + "midi_score_annotations,note_alignments,robust_note_alignment,split"]
    for work in range(works):
        folder = f"Made/work{work}"
        rows = score_rows(work, bars)
        score = [(0.5 * onset, 0.5 * length, pitch, 64) for onset, length, pitch in rows]
        write_midi(place / folder / "midi_score.mid", score, (4, 4))
        write_beats(place / folder / "midi_score_annotations.txt", 0.5 * np.arange(4 * bars))
        for player in range(players):
            played, beats = played_rows(rows, 100 * work + player, bars)
            name = f"{folder}/player{player}"
            lines = ["xml_id\tmidi_id\ttrack\tchannel\tpitch\tonset"]
            if extra:
                onset = round(float(beats[9]) * SECOND) / SECOND + 0.1
                played = sorted([*played, (onset, 0.1, rows[0][2] + 30, 70)])
                lines.append(f"insertion\tn1\t1\t0\t{rows[0][2] + 30}\t{onset}")
            pedal = [(beats[4 * bar] + 0.08, beats[4 * bar + 3]) for bar in range(bars)]
            write_midi(place / f"{name}.mid", played, pedal=pedal)
            write_beats(place / f"{name}_annotations.txt", beats)
            (place / f"{name}.tsv").write_text("\n".join(lines) + "\n")
            split = "validation" if work == works - 1 else "train"
            table.append(
                f"Made,work{work},{folder},{name}.mid,{folder}/midi_score.mid,"
                f"{name}_annotations.txt,{folder}/midi_score_annotations.txt,{name}.tsv,1.0,{split}"
            )
    (place / "performances.csv").write_text("\n".join(table) + "\n")
    return place


def random_model(seed=0, channels=6, layers=2, styles=3):
    """A small model of random weights; the pedal is always down, and changed at times."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(0, 0.3, shape)

    network = ExpressionNetwork(
        draw(len(NAMES)), np.ones(len(NAMES)), draw(len(NAMES), channels), draw(channels),
        tuple(
            Layer(draw(3, channels, channels), draw(channels), draw(channels, channels),
                  draw(channels), 2**n)
            for n in range(layers)
        ),
        draw(channels, len(TARGETS)), draw(len(TARGETS)),
    )  # fmt: skip
    network.leave_CT[:, 4], network.leave_T[4] = 0.0, 1.0
    manners = Manners(
        draw(styles, (channels + 1) * CONTINUOUS), np.array([15.0, -0.5]), np.array([2.0, 0.2]),
        np.full(CONTINUOUS, 0.3), np.full(CONTINUOUS, 0.5), np.zeros(2),
    )  # fmt: skip
    return ExpressionModel("made", network, manners)

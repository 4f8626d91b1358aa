"""A small corpus in the layout of the tunes, composed by rule: what evaluations run on in tests."""

import json

from fake_text_model import FakeTextModel
from partimento.music.attributes import Attributes
from partimento.music.barpiece_write import midi_bytes_of
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, Wish

KINDS = (
    ("Jig", Attributes(meter="6/8", key="D major", density="dense", register="high")),
    ("Reel", Attributes(meter="4/4", key="A minor", density="dense", register="middle")),
    ("Waltz", Attributes(meter="3/4", key="F major", density="sparse", register="middle")),
    ("Air", Attributes(meter="4/4", key="E minor", density="sparse", register="low")),
)
TEMPI = (70.0, 100.0, 130.0)


def write_tunes(folder, count=24, bars=8):
    """A folder with tunes.json and its MIDI files; every sixth tune is of its neighbour's group."""
    wishes, rows = [], []
    for i in range(count):
        rhythm, asked = KINDS[i % len(KINDS)]
        tempo = TEMPI[i % len(TEMPI)]
        asked = asked.__class__(
            **{
                **{n: getattr(asked, n) for n in ("meter", "key", "density", "register")},
                **{"tempo_bpm": tempo, "polyphony": "monophonic", "instruments": ("violin",)},
            }
        )
        wishes.append(Wish(Conditions(asked), bars))
        rows.append(
            {
                **{"id": f"book_{i:04d}", "midi": f"book/book_{i:04d}.mid", "coll": "book"},
                **{"title": f"Tune {i}", "rhythm": rhythm, "meter": asked.meter},
                **{"key": asked.key, "tempo": f"1/4={tempo:g}"},
                "dup_group": i - 1 if i % 6 == 5 else i,
            }
        )
    pieces = FakeTextModel().compose(wishes, seed=1, sampling=Sampling(), guidance=2.0)
    for row, piece in zip(rows, pieces, strict=True):
        target = folder / "midi" / row["midi"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(midi_bytes_of(piece))
    (folder / "tunes.json").write_text(json.dumps(rows), encoding="utf-8")
    return folder

"""Writes the difficult inputs of this folder; run it again after a change.

    python tests/golden/generate.py

The tunes are our own or in the public domain.  A test checks that the files are those that this
program makes.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

from build_xml import PartText, ScoreText, score_xml

FOLDER = Path(__file__).resolve().parent

TUNE = [
    "G4/q A4/q B4/q G4/q",
    "C5/q B4/q A4/h^",
    "B4/q C5/q D5/q B4/q",
    "A4/q A4/q G4/h^",
]
PLAIN = [bar.replace("^", "") for bar in TUNE]
CHOIR = {
    "Soprano": TUNE,
    "Alto": ["D4/q D4/q D4/q E4/q", "E4/q D4/q D4/h", "G4/q G4/q F#4/q G4/q", "G4/q F#4/q D4/h"],
    "Tenor": [
        "B3/q A3/q G3/q B3/q",
        "A3/q G3/q F#3/h",
        "D4/q E4/q A3/q D4/q",
        "E4/q D4/e C4/e B3/h",
    ],
    "Bass": ["G3/q F#3/q G3/q E3/q", "A2/q B2/q D3/h", "G3/q E3/q D3/q G3/q", "C3/q D3/q G2/h"],
}
CLEFS = {"Soprano": "G2", "Alto": "G2", "Tenor": "G2_8", "Bass": "F4"}
G_MAJOR = {0: (1, "major")}


def melody(bars: list[str], **kwargs: object) -> str:
    """A score of one unnamed voice."""
    kwargs.setdefault("keys", G_MAJOR)
    return score_xml(ScoreText([PartText("", bars)], **kwargs))  # type: ignore[arg-type]


def choir(bars: dict[str, list[str]], **kwargs: object) -> str:
    """A score of named choir parts."""
    kwargs.setdefault("keys", G_MAJOR)
    parts = [PartText(name, b, clefs=(CLEFS.get(name, "G2"),)) for name, b in bars.items()]
    return score_xml(ScoreText(parts, **kwargs))  # type: ignore[arg-type]


def closed_score() -> str:
    """The choir on two staves of one part, two voices each."""
    bars = [
        f"{s} v2|{a} v3|{t} v4|{b}" for s, a, t, b in zip(*(CHOIR[v] for v in CLEFS), strict=True)
    ]
    part = PartText("", bars, staves=2, clefs=("G2", "F4"))
    return score_xml(ScoreText([part], keys=G_MAJOR))


def chord_staves() -> str:
    """The choir in chords: two notes on each of two staves, one voice each."""
    bars = []
    rests = {"Tenor": ["B3/q A3/q G3/q B3/q", "A3/q G3/q F#3/h", "D4/q E4/q A3/q D4/q"]}
    for i in range(3):
        pairs = [(CHOIR["Soprano"][i], CHOIR["Alto"][i]), (rests["Tenor"][i], CHOIR["Bass"][i])]
        staves = []
        for upper, lower in pairs:
            merged = zip(upper.replace("^", "").split(), lower.split(), strict=True)
            staves.append(" ".join(f"{u} +{x}" for u, x in merged))
        bars.append(" v2|".join(staves))
    part = PartText("Piano", bars, staves=2, clefs=("G2", "F4"))
    return score_xml(ScoreText([part], keys=G_MAJOR))


def voices_and_piano() -> str:
    """A singer and a piano that doubles and accompanies."""
    piano = [f"{bar} v2|G3/h +B3/h +D4/h D3/h +A3/h +F#4/h" for bar in PLAIN]
    singer = PartText("Voice", [TUNE[0].replace("G4/q", "G4/q=Sing", 1), *TUNE[1:]])
    return score_xml(
        ScoreText([singer, PartText("Piano", piano, staves=2, clefs=("G2", "F4"))], keys=G_MAJOR)
    )


def variable_length(number: int) -> bytes:
    """A MIDI delta time."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.insert(0, number & 0x7F | 0x80)
    return bytes(groups)


def midi_melody() -> bytes:
    """Format 0, 480 ticks, no key signature: Ah, vous dirai-je."""
    events = b"\x00\xff\x58\x04\x04\x02\x18\x08" + b"\x00\xff\x51\x03\x09\x27\xc0"
    for pitch in (65, 65, 72, 72, 74, 74, 72, 70, 70, 69, 69, 67, 67, 65):
        length = 960 if pitch == 72 and events.count(b"\x90\x4a") == 2 else 480
        events += b"\x00" + bytes([0x90, pitch, 80])
        events += variable_length(length) + bytes([0x80, pitch, 0])
    events += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """A zip file with fixed dates."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


CONTAINER = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    b'<rootfile full-path="score.musicxml"/></rootfiles></container>\n'
)


def zip_bomb() -> bytes:
    """30 MB of blanks inside a small .mxl file."""
    bomb = b"<score-partwise>" + b" " * 30_000_000
    return zip_bytes({"META-INF/container.xml": CONTAINER, "score.musicxml": bomb})


def external_entity() -> str:
    """A score whose title would be a file of the reader's machine."""
    text = melody(TUNE, title="TITLE")
    declaration = '<!DOCTYPE score-partwise [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
    start, end = text.index("<!DOCTYPE"), text.index("<score-partwise")
    return (text[:start] + declaration + "\n" + text[end:]).replace("TITLE", "&secret;")


def long_melody() -> list[str]:
    """200 bars: the tune moved about the scale."""
    names = ["G4", "A4", "B4", "C5", "D5", "E5", "F#5"]
    bars = []
    for i in range(200):
        steps = [(i * k + 2 * k) % len(names) for k in range(1, 5)]
        bars.append(" ".join(f"{names[s]}/q" for s in steps))
    bars[-1] = "G4/w^"
    return bars


def partial_alto() -> dict[str, list[str]]:
    """A soprano, and an alto in two bars only."""
    return {"Soprano": TUNE, "Alto": ["r/w", CHOIR["Alto"][1], CHOIR["Alto"][2], "r/w"]}


KERN = """!!!OTL: A tune in three
**kern\t**kern
*clefF4\t*clefG2
*k[b-]\t*k[b-]
*F:\t*F:
*M3/4\t*M3/4
=1\t=1
4F\t4f
4F\t4a
4E\t4cc
=2\t=2
2D\t2b-
4C\t4a
=3\t=3
4BB-\t4g
4C\t4g
4C\t4e
=4\t=4
2.FF;\t2.f;
==\t==
*-\t*-
"""

ABC = """X:1
T:Old Hundredth (first half)
M:4/4
L:1/4
Q:1/4=72
K:G
G | G F E D | G A HB B | B B A G | c B HA |]
w: All peo-ple that on earth do dwell, Sing to the Lord with cheer-ful voice.
"""


def files() -> dict[str, bytes]:
    """Every file of the folder that is generated."""
    xml = {
        "soprano_low": melody(
            ["C3/q D3/q E3/q C3/q", "F3/q E3/q D3/h^", "E3/q F3/q G3/q E3/q", "D3/q D3/q C3/h^"],
            keys={0: (0, "major")},
        ),
        "soprano_too_wide": melody(["C3/q C6/q C3/q C6/q", "F2/q E6/q D3/h", "C4/q C6/q C3/h"]),
        "bass_given": score_xml(
            ScoreText([PartText("", CHOIR["Bass"], clefs=("F4",))], keys=G_MAJOR)
        ),
        "four_parts": choir(CHOIR, title="Four voices", tempo=72),
        "parts_shuffled": choir({v: CHOIR[v] for v in ("Bass", "Tenor", "Soprano", "Alto")}),
        "pickup": melody(
            [
                "D4/q",
                "G4/q B4/q A4/q G4/q",
                "C5/q B4/q A4/q^ D4/q",
                "G4/q A4/q B4/q A4/q",
                "G4/h.^",
            ],
            pickup=True,
        ),
        "pickup_32nd": melody(["D4/t", "G4/q B4/q A4/q G4/q", "A4/h G4/h^"], pickup=True),
        "three_four": melody(
            ["G4/q A4/q B4/q", "C5/h B4/q", "A4/q. G4/e A4/q", "G4/h.^"], meters={0: "3/4"}
        ),
        "six_eight": melody(
            ["G4/q A4/e B4/q G4/e", "C5/e B4/e A4/e G4/q.", "A4/q B4/e A4/q F#4/e", "G4/h.^"],
            meters={0: "6/8"},
        ),
        "triplets": melody(
            ["G4/e3 A4/e3 B4/e3 C5/q D5/h", "E5/q3 D5/q3 C5/q3 B4/h", "A4/q A4/q G4/h^"]
        ),
        "thirty_seconds": melody(
            ["G4/e A4/t B4/t A4/t G4/t B4/q C5/q", "D5/t C5/t B4/t A4/t G4/e A4/q G4/h^"]
        ),
        "rests_inside": melody(
            ["r/q G4/q A4/q B4/q", "C5/h^ r/h", "r/w", "D5/q C5/e r/e B4/q r/q", "A4/h G4/h^"]
        ),
        "key_change": melody(
            [
                *TUNE,
                "F4/q G4/q Ab4/q F4/q",
                "Bb4/q Ab4/q G4/h",
                "Ab4/q Bb4/q C5/q Ab4/q",
                "G4/h F4/h^",
            ],
            keys={0: (1, "major"), 4: (-4, "minor")},
        ),
        "dorian": melody(
            ["D4/q E4/q F4/q G4/q", "A4/q C5/q A4/h^", "G4/q F4/q E4/q C#4/q", "D4/w^"],
            keys={0: (0, "dorian")},
        ),
        "repeats": melody(
            [*PLAIN[:2], "B4/q C5/q A4/h^", "G4/w^", *PLAIN[2:]],
            repeats={0: "start", 2: "end"},
            endings={2: "1", 3: "2"},
        ),
        "meter_changes": melody(
            ["G4/q A4/q B4/q C5/q", "D5/q C5/q B4/q", "A4/h B4/h C5/h", "B4/q A4/q G4/h^"],
            meters={0: "4/4", 1: "3/4", 2: "3/2", 3: "4/4"},
        ),
        "closed_score": closed_score(),
        "chord_staves": chord_staves(),
        "no_fermatas": melody(PLAIN),
        "lyrics": melody(
            [
                "G4/q=Now- A4/q=thank B4/q=we G4/q=all",
                "C5/q=our B4/q=God A4/h^=with",
                "B4/q=heart C5/q=and D5/q=hands B4/q=and",
                "A4/q=voi- A4/q=ces G4/h^",
            ]
        ),
        "empty_part": choir({v: TUNE if v == "Soprano" else ["r/w"] * 4 for v in CLEFS}),
        "partial_alto": choir(partial_alto()),
        "one_note": melody(["G4/q"], meters={0: "1/4"}),
        "only_rests": melody(["r/w", "r/w"]),
        "two_hundred_bars": melody(long_melody()),
        "chords_in_voice": melody(
            ["G4/q +D4/q +B3/q A4/q B4/q +G4/q G4/q", "C5/q B4/q A4/h^ +F#4/h", *TUNE[2:]]
        ),
        "grace_notes": melody(
            ["g:A4/e G4/q A4/q g:C5/s g:B4/s B4/q G4/q", "C5/q B4/q,. A4/h^", *TUNE[2:]]
        ),
        "ties_accidentals": melody(
            ["G4/q G#4/q A4/h~", "A4/q_ Bb4/q A4/q C#5/q", "D5/h~ D5/e_ Eb5/e D5/q", "C5/h B4/h^"]
        ),
        "two_parts": score_xml(
            ScoreText(
                [PartText("", TUNE), PartText("", CHOIR["Bass"], clefs=("F4",))], keys=G_MAJOR
            )
        ),
        "voices_and_piano": voices_and_piano(),
        "unison": choir(
            {
                "Soprano": ["G4/q A4/q G4/h", "G4/w^"],
                "Alto": ["G4/q A4/q E4/h", "D4/w"],
                "Bass": ["r/w", "G2/w"],
            }
        ),
        "external_entity": external_entity(),
        "beat_type_zero": melody(TUNE).replace(
            "<beat-type>4</beat-type>", "<beat-type>0</beat-type>"
        ),
    }
    out = {f"{name}.musicxml": text.encode() for name, text in xml.items()}
    midi = midi_melody()
    out |= {
        "no_signature.mid": midi,
        "truncated.mid": midi[: len(midi) // 2],
        "midi_inside.musicxml": midi,
        "garbage.mid": bytes((i * 37 + 11) % 251 for i in range(400)),
        "compressed.mxl": zip_bytes(
            {"META-INF/container.xml": CONTAINER, "score.musicxml": melody(TUNE).encode()}
        ),
        "zip_bomb.mxl": zip_bomb(),
        "tune.abc": ABC.encode(),
        "tune.krn": KERN.encode(),
        "empty.musicxml": b"",
    }
    return out


if __name__ == "__main__":
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)

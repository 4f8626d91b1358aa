"""Small handwritten MusicXML for the tests of engraving."""

from __future__ import annotations

from xml.sax.saxutils import escape

_STEPS = "CDEFGAB"


def part(name: str, bars: int, octave: int, *, lyrics: str = "", clef: str = "G2") -> str:
    """A part of quarter notes in 4/4 with a fermata on each fourth bar's last note."""
    measures = []
    for bar in range(bars):
        notes = []
        for beat in range(4):
            held = "<notations><fermata/></notations>" if bar % 4 == 3 and beat == 3 else ""
            words = f"<lyric><syllabic>single</syllabic><text>{escape(lyrics)}</text></lyric>"
            notes.append(
                f"<note><pitch><step>{_STEPS[(bar + 2 * beat) % 7]}</step>"
                f"<octave>{octave}</octave></pitch><duration>1</duration><voice>1</voice>"
                f"<type>quarter</type>{held}{words if lyrics else ''}</note>"
            )
        opening = (
            "<attributes><divisions>1</divisions><key><fifths>0</fifths></key><time><beats>4</beats>"
            f"<beat-type>4</beat-type></time><clef><sign>{clef[0]}</sign><line>{clef[1]}</line>"
            "</clef></attributes>"
        )
        inside = (opening if bar == 0 else "") + "".join(notes)
        measures.append(f'<measure number="{bar + 1}">{inside}</measure>')
    return f'<part id="{name}">{"".join(measures)}</part>'


def piece(
    bars: int = 4, *, title: str = "", composer: str = "", lyrics: str = "", parts: int = 4
) -> str:
    """A piece of 1 to 4 parts."""
    shapes = [("S", 5, "G2"), ("A", 4, "G2"), ("T", 3, "F4"), ("B", 2, "F4")][:parts]
    listed = "".join(
        f'<score-part id="{name}"><part-name>{name}</part-name></score-part>'
        for name, _, _ in shapes
    )
    music = "".join(
        part(name, bars, octave, lyrics=lyrics if name == "S" else "", clef=clef)
        for name, octave, clef in shapes
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0">'
        f"<work><work-title>{escape(title)}</work-title></work><identification>"
        f'<creator type="composer">{escape(composer)}</creator></identification>'
        f"<part-list>{listed}</part-list>{music}</score-partwise>"
    )

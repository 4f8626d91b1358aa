"""How captions say each value: words before the noun, and phrases after it.

Every one is understood by :func:`partimento.tasks.text2midi.parsing.parse` as exactly this value,
with nothing else said or implied beyond what a style brings along (tests check each).
"""

from __future__ import annotations

from collections.abc import Mapping

Forms = tuple[tuple[str, ...], tuple[str, ...]]
"""Words that stand before a noun; phrases that stand after it."""

FORMS: Mapping[str, Mapping[str, Forms]] = {
    "tempo_word": {
        "very slow": (
            ("very slow", "extremely slow", "really slow"),
            ("at a very slow tempo", "played very slowly", "largo", "tempo: very slow"),
        ),
        "slow": (
            ("slow", "unhurried", "leisurely"),
            ("at a slow tempo", "played slowly", "adagio", "in a slow tempo"),
        ),
        "moderate": (
            ("moderately paced", "medium-paced"),
            ("at a moderate tempo", "at a walking pace", "andante", "moderato", "not too fast"),
        ),
        "fast": (
            ("fast", "quick", "brisk", "swift"),
            ("at a fast tempo", "played quickly", "allegro", "in a quick tempo"),
        ),
        "very fast": (
            ("very fast", "extremely fast", "really quick"),
            ("at a very fast tempo", "presto", "at breakneck speed", "prestissimo"),
        ),
    },
    "mode": {
        "major": (
            ("major-key",),
            (
                *("in a major key", "in the major mode", "in major", "with a major tonality"),
                *("based on a major scale", "major key"),
            ),
        ),
        "minor": (
            ("minor-key",),
            (
                *("in a minor key", "in the minor mode", "in minor", "with a minor tonality"),
                *("based on a minor scale", "minor key"),
            ),
        ),
    },
    "valence": {
        "high": (
            ("bright", "playful", "optimistic", "carefree"),
            ("in a positive mood", "with a hopeful feel"),
        ),
        "low": (
            ("ominous", "eerie", "haunting", "sinister"),
            ("with an unsettling feel", "with a foreboding mood"),
        ),
    },
    "arousal": {
        "low": (
            ("calm", "peaceful", "tranquil", "gentle", "relaxed", "serene"),
            ("with a calm feel", "in a peaceful mood"),
        ),
        "high": (
            ("energetic", "vigorous", "driving", "intense", "rousing"),
            ("with a lot of energy", "full of energy", "with an energetic feel"),
        ),
    },
    "density": {
        "sparse": (
            ("sparse", "minimal", "uncluttered"),
            (
                "with few notes",
                "with lots of space",
                "with plenty of space",
                "with a sparse texture",
            ),
        ),
        "medium": (
            ("moderately busy", "moderately dense"),
            ("of medium density", "of moderate density", "not too busy", "not too dense"),
        ),
        "dense": (
            ("busy", "dense", "intricate"),
            ("with many notes", "with lots of notes", "with a dense texture", "full of notes"),
        ),
    },
    "register": {
        "low": (
            ("low-pitched", "deep"),
            (
                *(
                    "in the low register",
                    "in a low range",
                    "with low notes",
                    "in the bass register",
                ),
                *("with deep notes", "in the lower register"),
            ),
        ),
        "middle": (
            (),
            (
                *("in the middle register", "in a middle range", "in the mid register"),
                *("in the medium register", "in the middle octave", "around middle C"),
            ),
        ),
        "high": (
            ("high-pitched",),
            (
                *("in the high register", "in a high range", "with high notes"),
                *("in the upper register", "in the upper octaves"),
            ),
        ),
    },
    "polyphony": {
        "monophonic": (
            ("monophonic", "single-line", "single-voice"),
            ("with a single melody line", "one note at a time", "melody only"),
        ),
        "thin": (
            ("thin-textured", "two-part"),
            ("with a thin texture", "in two parts", "for two voices", "with two voices"),
        ),
        "full": (
            ("chordal", "polyphonic", "lush"),
            ("with full chords", "with rich harmony", "with a full texture", "with rich chords"),
        ),
    },
    "dynamics": {
        "soft": (
            ("soft", "quiet", "hushed"),
            ("played softly", "pianissimo", "at a low volume", "quietly played"),
        ),
        "medium": (
            ("moderately loud",),
            (
                *("mezzo forte", "at a medium volume", "at a moderate volume", "mf"),
                *("with medium dynamics",),
            ),
        ),
        "loud": (
            ("loud", "thunderous"),
            ("played loudly", "forte", "fortissimo", "at full volume"),
        ),
    },
    "articulation": {
        "staccato": (
            ("staccato", "crisp", "detached"),
            ("with short notes", "with detached notes", "played staccato"),
        ),
        "legato": (
            ("legato", "smooth", "flowing"),
            ("played legato", "with connected notes", "played smoothly", "with sustained notes"),
        ),
    },
}
"""Attribute -> value -> forms.  Values that are missing are never said."""

STYLE_NOUNS: Mapping[str, tuple[str, ...]] = {
    "jig": ("jig", "double jig", "gigue"),
    "reel": ("reel",),
    "hornpipe": ("hornpipe",),
    "slip jig": ("slip jig",),
    "strathspey": ("strathspey",),
    "waltz": ("waltz", "valse"),
    "march": ("march", "marching tune", "military march"),
    "air": ("air",),
    "highland fling": ("highland fling",),
    "clog": ("clog", "clog dance"),
    "polka": ("polka",),
    "slow air": ("slow air",),
    "minuet": ("minuet", "menuet"),
    "ragtime": ("ragtime", "rag time piece"),
    "folk": ("folk tune", "folk song", "traditional tune", "folk melody"),
    "lullaby": ("lullaby", "cradle song", "berceuse"),
    "song": ("art song", "lied", "parlour song"),
    "hymn": ("hymn", "hymn tune", "church hymn"),
    "chorale": ("chorale",),
    "study": ("study", "etude", "technical study", "technical exercise"),
    "baroque": ("baroque piece", "piece in the baroque style", "baroque work"),
    "classical": ("classical piece", "piece in the classical style", "classical work"),
    "romantic": ("romantic piece", "piece in the romantic style", "romantic work"),
    "renaissance": ("renaissance piece", "piece in the renaissance style", "renaissance work"),
    "modern": ("modern piece", "contemporary piece", "piece in a modern style"),
}
PLAIN_NOUNS: tuple[str, ...] = ("piece", "tune", "composition", "piece of music", "work", "melody")

INSTRUMENT_WORDS: Mapping[str, tuple[str, ...]] = {
    "piano": ("piano", "pianoforte", "keyboard"),
    "harpsichord": ("harpsichord", "cembalo"),
    "bells": ("bells", "glockenspiel", "music box"),
    "organ": ("organ", "pipe organ", "church organ"),
    "accordion": ("accordion", "concertina"),
    "guitar": ("guitar", "acoustic guitar", "classical guitar"),
    "bass guitar": ("bass guitar", "electric bass"),
    "violin": ("violin", "fiddle"),
    "cello": ("cello", "violoncello"),
    "double bass": ("double bass", "contrabass", "upright bass"),
    "strings": ("strings", "string orchestra", "string ensemble"),
    "timpani": ("timpani", "kettledrums"),
    "choir": ("choir", "voices", "mixed choir"),
    "trumpet": ("trumpet", "cornet"),
    "horn": ("horn", "French horn"),
    "brass": ("brass", "brass ensemble", "brass section"),
    "saxophone": ("saxophone", "sax"),
    "whistle": ("whistle", "tin whistle", "penny whistle"),
    "bagpipe": ("bagpipes", "highland pipes"),
    "synthesizer": ("synthesizer", "synth"),
}
"""Instruments with more names than their own."""

OPENINGS: tuple[str, ...] = (
    *("Write", "Compose", "Please compose", "Give me", "I would like", "Make", "Please write"),
)

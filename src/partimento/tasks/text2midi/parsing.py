"""What a sentence asks of a piece: rules over a lexicon of four languages.

Numbers and keys are read first (:mod:`.quantities`, :mod:`.tonality`), then the phrases of the
lexicon with their degree and negation (:mod:`.matching`); :mod:`.resolving` joins what was found.
Only what a text says, or what its words imply, is filled in: the rest stays None.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from partimento.core.errors import ConfigError
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.fields import find_fields
from partimento.tasks.text2midi.findings import Finding, finding
from partimento.tasks.text2midi.lexicon import LANGUAGES, table_of, word_set
from partimento.tasks.text2midi.matching import find_phrases, loose_registers
from partimento.tasks.text2midi.quantities import find_quantities
from partimento.tasks.text2midi.resolving import resolve
from partimento.tasks.text2midi.spelling import put_right
from partimento.tasks.text2midi.tonality import find_keys
from partimento.tasks.text2midi.words import Row, read_row

__all__ = ["Finding", "Understood", "parse", "understood_text"]

LONGEST_TEXT = 4000
"""Characters of a text that is still a description."""
_SONGS = frozenset({"song", "songs", "canzone", "canzoni", "cancion", "canciones", "canco"})
_PLAIN = word_set(
    "piece pieces music tune tunes melody song track composition work something anything play"
    " make write create compose give want would please need lots bit touch kind sort style mood"
    " time tempo key bars feel feeling sound sounds sounding texture notes register volume pace"
    " played performed solo duet trio duo instrument instruments instrumental brano pezzo musica"
    " melodia pieza pieza peca compas stile stil estilo estil tempo suonato tocado tocada tocat"
    " dynamic dynamics let lets have has should could can that which about around"
)


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of a text.

    ``found`` in the order of the text; ``unused`` are words with content that were not understood.
    """

    text: str
    attributes: Attributes
    found: tuple[Finding, ...]
    unused: tuple[str, ...]
    language: str = "english"


def parse(text: str, language: str | None = None) -> Understood:
    """Understand a description of music.

    ``language`` is english, italian, spanish or catalan; without it the words vote.
    Raises ConfigError for another language and for a text of more than 4,000 characters.

    >>> parse("a sad waltz, not too fast").attributes.tempo_word
    'moderate'
    """
    if language is not None and language not in LANGUAGES:
        raise ConfigError(
            f"{language!r} is no language of the parser", fix=f"Take one of {', '.join(LANGUAGES)}"
        )
    if len(text) > LONGEST_TEXT:
        raise ConfigError(
            f"the text has {len(text)} characters", fix=f"Say it in at most {LONGEST_TEXT}"
        )
    row = read_row(text, language)
    put_right(row)
    found = [*find_quantities(row), *find_keys(row), *find_fields(row)]
    found += [*find_phrases(row), *loose_registers(row)]
    found += _sung(row, found)
    found = _a_cappella(_bowed_bass(found))
    found.sort(key=lambda f: (f.start, f.end))
    return Understood(text, resolve(found), tuple(found), _unused(row), row.language)


def _sung(row: Row, found: list[Finding]) -> list[Finding]:
    """A song is anybody's word for a piece; where somebody sings it is a style."""
    if not any(f.value == "choir" and f.how == "said" for f in found):
        return []
    if any(f.attribute == "style" for f in found):
        return []
    places = [n for n, w in enumerate(row.words) if w.plain in _SONGS and n not in row.used]
    row.used.update(places[:1])
    return [finding(row, n, n + 1, "style", "song", "implied") for n in places[:1]]


def _bowed_bass(found: list[Finding]) -> list[Finding]:
    """The bass beside a violin or a cello is a double bass, elsewhere a bass guitar."""
    names = {f.value for f in found if f.attribute == "instruments"}
    if not names & {"violin", "viola", "cello", "strings"} or names & {"guitar", "drums"}:
        return found
    return [
        replace(f, value="double bass")
        if f.value == "bass guitar" and f.words.lower() in {"bass", "basso", "bajo", "baix"}
        else f
        for f in found
    ]


def _a_cappella(found: list[Finding]) -> list[Finding]:
    """An unaccompanied flute plays one line, an unaccompanied choir or quartet does not."""
    names = {f.value for f in found if f.attribute == "instruments" and f.how == "said"}
    if "choir" not in names and len(names) < 2:
        return found
    alone = ("unaccompanied", "without accompaniment", "no accompaniment")
    return [f for f in found if f.words.lower() not in alone]


def _unused(row: Row) -> tuple[str, ...]:
    table = table_of(row.language)
    empty = (
        table.function_words | table.after_negator | table.very | table.too | table.mild | _PLAIN
    )
    negators = {word for phrase in table.negators for word in phrase.split()}
    left = [
        row.text[w.start : w.end]
        for n, w in enumerate(row.words)
        if n not in row.used
        and w.plain not in empty | negators
        and (w.is_number or (len(w.plain) > 2 and w.plain.isalpha()))
    ]
    return tuple(dict.fromkeys(left))


def understood_text(understood: Understood) -> str:
    """A few lines for people: what was understood from which words, and what was not."""
    lines = []
    for item in understood.found:
        name = item.attribute.replace("_", " ")
        value = item.value
        shown = f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else str(value)
        if item.how == "negated":
            shown = f"not {shown}"
        note = " (implied)" if item.how == "implied" else ""
        lines.append(f"{name}: {shown}{note}, from {item.words!r}")
    if not lines:
        lines.append("nothing that we know was asked for")
    if understood.unused:
        lines.append("not used: " + ", ".join(understood.unused))
    return "\n".join(lines)

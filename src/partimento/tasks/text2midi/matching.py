"""Phrases of the lexicon in a text, with degree ("very", "not too") and negation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from partimento.music.attributes import LEVELS
from partimento.tasks.text2midi.findings import Finding, How, finding
from partimento.tasks.text2midi.lexicon import (
    Effect,
    WordTable,
    phrases_by_head,
    table_of,
    word_set,
)
from partimento.tasks.text2midi.words import STOPS, Row

FARTHEST = 6
"""Words that may stand between a negator and what it negates."""
_MIDDLE = {"tempo_word": "moderate", **{name: words[1] for name, words in LEVELS.items()}}
_STRONGER = {"slow": "very slow", "fast": "very fast"}
_JOINS = frozenset({"or", "nor", "o", "ni", "ne", "u"})
_ANDS = frozenset({"and", "e", "y", "i", "&", "ed"})
_LIST_WORDS = frozenset(
    {",", "any", "the", "no", "il", "lo", "la", "los", "las", "el", "els", "les", "/"}
)
_AFTER = frozenset({"free", "excluded", "forbidden", "banned", "esclusi", "escluso"})
_NOT_ONLY = frozenset({"only", "just", "merely", "solo", "nomes", "necessarily", "least"})
_GRADED = frozenset({"tempo_word", "density", "register", "dynamics", "polyphony"})


@dataclass(frozen=True, slots=True)
class Match:
    """Effects of the words from ``first`` to before ``end``.

    ``degree`` is "", very, too, less or mild; ``negated`` as it says.
    """

    first: int
    end: int
    effects: tuple[Effect, ...]
    degree: str = ""
    negated: bool = False


def find_phrases(row: Row) -> list[Finding]:
    """Everything that the lexicon of the row's language finds among its unused words."""
    table = table_of(row.language)
    matches = _spread_negation(row, [_judged(row, table, m) for m in _longest(row)])
    found = []
    for match in matches:
        row.take(match.first, match.end)
        found += _found(row, match)
    return found


def _longest(row: Row) -> list[Match]:
    """Matches from left to right, the longest first at each place."""
    heads = phrases_by_head(row.language)
    found = []
    n = 0
    while n < len(row.words):
        for phrase, effects in heads.get(row.plain(n), ()):
            end = n + len(phrase)
            words = tuple(w.plain for w in row.words[n:end])
            if words == phrase and not row.used & set(range(n, end)):
                found.append(Match(n, end, effects))
                n = end
                break
        else:
            n += 1
    return [m for m in found if not _misread(row, m)]


_FOLLOWED_BY = {
    "high": word_set(
        "flute violin violins strings cello trumpet trumpets piano whistle oboe clarinet recorder"
        " notes fiddle bells soprano voice voices horn brass woodwinds pitches saxophone"
    )
}
_FOLLOWED_BY["low"] = _FOLLOWED_BY["high"] | word_set(
    "brass strings cellos bass piano organ trombone trombones tuba bassoon drone"
)
_FOLLOWED_BY["lower"] = _FOLLOWED_BY["low"]
_FOLLOWED_BY["upper"] = _FOLLOWED_BY["higher"] = _FOLLOWED_BY["high"]
_LOOSE_REGISTERS = {"high": "high", "higher": "high", "upper": "high", "low": "low", "lower": "low"}


def loose_registers(row: Row) -> list[Finding]:
    """English "high" and "low" before an instrument, or standing alone at the end of a clause."""
    found: list[Finding] = []
    if row.language != "english":
        return found
    for n, word in enumerate(row.words):
        if word.plain not in _FOLLOWED_BY or n in row.used:
            continue
        following = row.plain(n + 1)
        alone = row.ends_at(n + 1) or following in {"and", "but", "on", "in"}
        melodic = following in _MELODIC
        sounding = _FOLLOWED_BY[word.plain]
        described = following not in _NO_PITCH and row.plain(n + 2) in sounding | _MELODIC
        if not (alone or melodic or described or following in sounding):
            continue
        judged = _judged(row, table_of("english"), Match(n, n + 1, ()))
        row.take(n, n + 1)
        value = _LOOSE_REGISTERS[word.plain]
        if judged.negated and judged.degree != "too":
            found.append(finding(row, n, n + 1, "register", value, "negated"))
        else:
            value = "middle" if judged.negated else value
            found.append(finding(row, n, n + 1, "register", value, "said"))
    return found


_MELODIC = frozenset({"melody", "line", "tune", "part", "solo", "single", "accompaniment"})
_BUSY_THINGS = word_set(
    "monday tuesday wednesday thursday friday saturday sunday morning afternoon evening night week"
    " city street streets office kitchen station airport town market restaurant highway road world"
    " life schedule shop bar bars mum mom dad parents people traffic road harbour port"
)
_RANGES = frozenset({"soprano", "alto", "tenor", "bass", "baritone", "descant", "treble"})
_IN_RANGES = word_set(
    "recorder recorders sax saxes saxophone saxophones flute flutes clarinet clarinets"
)
_NO_PITCH = word_set(
    "energy tempo volume quality key speed mood intensity density spirits school class drama"
)


def _misread(row: Row, match: Match) -> bool:
    """Words that mean something else where they stand."""
    words = " ".join(w.plain for w in row.words[match.first : match.end])
    before, after = row.plain(match.first - 1), row.plain(match.end)
    if words == "air":
        return before in {"the", "in", "fresh", "of", "mid", "cold"}
    if words == "march":
        dated = row.plain(match.end + 1) in {"st", "nd", "rd", "th"} and after[:1].isdecimal()
        return dated or before in {"in", "of"}
    if words == "busy":
        return after in _BUSY_THINGS
    if words in _RANGES and after in {"and", ",", "or"}:
        # "Soprano and alto recorder" is two recorders.
        return row.plain(match.end + 1) in _RANGES and row.plain(match.end + 2) in _IN_RANGES
    if words in {"bass"} and after in {"note", "clef", "drone", "part"}:
        return True
    if words in {"voice", "voices"} and before in {"inner", "middle", "upper", "lower", "own"}:
        return True
    feelings = {"emotion", "space", "sadness", "meaning", "water", "sorrow"}
    return words == "deep" and after in feelings


def _judged(row: Row, table: WordTable, match: Match) -> Match:
    """The match with its degree and negation, read off the words before (or just after) it."""
    degree = ""
    softened = False
    n = match.first - 1
    for distance in range(FARTHEST + 1):
        word = row.plain(n)
        if not word or word in STOPS or word == ",":
            break
        size = _negator_ending_at(row, table, n)
        if size and row.plain(n + 1) not in _NOT_ONLY:
            many = {"much", "many", "mucho", "muchos", "muchas", "molti", "molte"} & {
                row.plain(k) for k in range(n + 1, match.first)
            }
            return Match(
                match.first, match.end, match.effects, "too" if softened or many else "", True
            )
        if distance == 0:
            degree = _degree(table, word)
        softened |= word in table.too
        if n in row.used or not (word in table.after_negator or word in table.very | table.too):
            break
        n -= 1
    if row.plain(match.end) in {"assai", "molto"} and row.language == "italian":
        degree = "very"
    if (
        row.plain(match.end) in _AFTER
        and match.effects[:1]
        and (match.effects[0].attribute == "instruments")
    ):
        return Match(match.first, match.end, match.effects, "", True)
    return Match(match.first, match.end, match.effects, degree, False)


def _degree(table: WordTable, word: str) -> str:
    for name in ("very", "less", "mild"):
        if word in getattr(table, name):
            return name
    return ""


@cache
def _negators_by_last(negators: tuple[str, ...]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for words in map(str.split, negators):
        found.setdefault(words[-1], []).append(words)
    return found


def _negator_ending_at(row: Row, table: WordTable, n: int) -> int:
    """Number of words of the longest negator that ends at a place, 0 if none does."""
    sizes = [
        len(words)
        for words in _negators_by_last(table.negators).get(row.plain(n), ())
        if [row.plain(n - len(words) + 1 + k) for k in range(len(words))] == words
    ]
    return max(sizes, default=0)


def is_negated(row: Row, n: int) -> bool:
    """Whether the words before the one at ``n`` deny it."""
    return _judged(row, table_of(row.language), Match(n, n + 1, ())).negated


def _spread_negation(row: Row, matches: list[Match]) -> list[Match]:
    """Negation goes on through a list: "no flute or whistle", "without piano, strings or brass"."""
    done = list(matches)
    for n, match in enumerate(done):
        if not match.negated:
            continue
        chain: list[int] = []
        for k in range(n + 1, len(done)):
            link = _link(row, done[k - 1], done[k])
            if link == "none" or done[k].negated:
                break
            chain.append(k)
            if link == "or" or (link == "and" and len(chain) == 1):
                for place in chain:
                    other = done[place]
                    done[place] = Match(other.first, other.end, other.effects, match.degree, True)
                chain = []
    return done


def _link(row: Row, one: Match, other: Match) -> str:
    """How two matches of one attribute hang together: or, and, comma, none."""
    if not one.effects or one.effects[0].attribute != other.effects[0].attribute:
        return "none"
    between = [row.plain(k) for k in range(one.end, other.first)]
    left = [w for w in between if w not in _LIST_WORDS and w not in {"too", "very"}]
    if not between or len(left) > 1:
        return "none"
    if not left:
        return "comma" if "," in between or "/" in between else "none"
    return "or" if left[0] in _JOINS else "and" if left[0] in _ANDS else "none"


def _found(row: Row, match: Match) -> list[Finding]:
    """The findings of one match."""
    found: list[Finding] = []
    for effect in match.effects:
        if effect.attribute == "nothing":
            continue
        if match.negated or match.degree == "less":
            found += _denied(row, match, effect)
            continue
        if effect.attribute == "excluded":
            found.append(
                finding(row, match.first, match.end, "instruments", effect.value, "negated")
            )
            continue
        how: How = "said" if effect.said else "implied"
        named = effect.said or row.plain(match.first) in _STRONGER
        value = _graded(effect, match.degree if named else "")
        for part in value.split("+") if effect.attribute == "instruments" else [value]:
            found.append(finding(row, match.first, match.end, effect.attribute, part, how))
    return found


def _denied(row: Row, match: Match, effect: Effect) -> list[Finding]:
    softly = match.degree in ("too", "less")
    first, end = match.first, match.end
    if effect.attribute == "instruments":
        if softly:
            return []
        parts = effect.value.split("+")
        return [finding(row, first, end, "instruments", part, "negated") for part in parts]
    middle = _MIDDLE.get(effect.attribute)
    if softly and effect.said and effect.attribute in _GRADED and effect.value != middle:
        assert middle is not None
        return [finding(row, first, end, effect.attribute, middle, "said")]
    return [finding(row, first, end, effect.attribute, effect.value, "negated")]


def _graded(effect: Effect, degree: str) -> str:
    if degree == "very" and effect.attribute == "tempo_word":
        return _STRONGER.get(effect.value, effect.value)
    if degree == "mild" and effect.attribute in ("dynamics", "density", "register"):
        return _MIDDLE[effect.attribute]
    return effect.value

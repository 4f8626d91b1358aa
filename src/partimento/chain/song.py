"""From a sentence to a piece that is played, judged, engraved, heard and pictured.

Several pieces are composed, each is played by several players, the words judge the pieces and the
critic judges the players.  Everything that was drawn is in the report, not only what was kept.
Where the sentence or an option asks for it, the melody of the kept piece becomes a chorale, and
that or the piece is arranged for an ensemble.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from partimento.chain.song_chorale import Chorale, chorale
from partimento.chain.song_setting import Setting, arranged, starting_soon
from partimento.chain.song_wishes import Wishes, wishes_of
from partimento.core.errors import ConfigError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.music.attributes import LEVELS
from partimento.music.expression import Played, draw_player, play
from partimento.music.expression_learnt import draw_style, play_learnt
from partimento.music.musicxml_write import musicxml_text
from partimento.music.performance_write import write_performance
from partimento.music.played_write import played_midi
from partimento.music.score import Score
from partimento.render.piece_sound import played_parts
from partimento.render.sheet import Engraving
from partimento.render.sound import render_parts, sound_levels, write_wav
from partimento.tasks.audio2visual.cover import Cover, cover
from partimento.tasks.critique.judge import critique
from partimento.tasks.critique.loading import DEFAULT_WEIGHTS as CRITIC
from partimento.tasks.critique.outcome import Judged
from partimento.tasks.text2midi.compose import compose
from partimento.tasks.text2midi.outcome import (
    SAMPLE_RATE,
    Composed,
    Outcome,
    engraved,
    written_midi,
    written_score,
)
from partimento.tasks.text2midi.wishes import checked_text

CANDIDATES = 4
PLAYERS = 3
MOST_TRIED = 16
"""Candidates, and players of each."""
EXPRESSIONS = ("learnt", "rules")
"""Players among the pianists learnt from, or by the rules of the literature."""
JUDGED_BY = "interpretation"
"""The dimension of the critique that chooses among players: unsatisfactory to convincing."""
_ALIKE = 0.02
"""Matches that differ by less are even, and the critic decides."""
_STEPS = ("compose", "play", "judge", "engrave and render", "picture", "set in parts", "page")


@dataclass(frozen=True)
class Take:
    """One piece played by one player."""

    piece: Composed
    number: int
    played: Played
    judged: Judged | None = None

    @property
    def convincing(self) -> float:
        """The critic's score of the interpretation, 0 to 1; NaN where it says nothing."""
        return float("nan") if self.judged is None else self.judged.score(JUDGED_BY)

    @property
    def name(self) -> str:
        """Of its performance among all."""
        return f"{self.piece.stem}-{self.number}"

    def row(self) -> dict[str, Any]:
        """One line of the report."""
        return {
            "take": self.name, "piece": self.piece.stem, "player": self.number,
            "match": round(self.piece.chosen.score, 4),
            "convincing": None if np.isnan(self.convincing) else round(self.convincing, 4),
            "seconds": round(self.played.seconds, 2),
        }  # fmt: skip


@dataclass(frozen=True)
class Song:
    """Everything that came of one sentence; ``best`` was kept.

    ``chorale`` and ``arrangement`` are None where nobody asked for them.
    """

    wishes: Wishes
    composed: Outcome
    takes: tuple[Take, ...]
    best: Take
    chosen_by: str
    picture: Cover
    engraving: Engraving
    sound: np.ndarray
    chorale: Chorale | None = None
    arrangement: Setting | None = None
    expression: str = EXPRESSIONS[0]
    seconds: float = 0.0
    files: tuple[Path, ...] = ()

    def report(self) -> dict[str, Any]:
        """Facts for JSON."""
        return {
            **self.lasting(),
            "files": [str(file) for file in self.files],
            "computing_seconds": round(self.seconds, 2),
        }

    def lasting(self) -> dict[str, Any]:
        """The part that is the same whenever it is made."""
        return {
            "text": self.wishes.text,
            "asked": self.composed.asked.to_dict(),
            "forced": list(self.composed.forced),
            "wishes": self.wishes.report(),
            "could_not": list(self.composed.could_not),
            "chosen": self.best.name,
            "chosen_by": self.chosen_by,
            "expression": self.expression,
            "match": round(self.best.piece.chosen.score, 4),
            "convincing": self.best.row()["convincing"],
            "takes": [take.row() for take in self.takes],
            "match_report": [row.to_dict() for row in self.best.piece.chosen.rows],
            "sound": sound_levels(self.sound, SAMPLE_RATE),
            "picture": self.picture.facts(),
            "chorale": None if self.chorale is None else self.chorale.report(),
            "arrangement": None if self.arrangement is None else self.arrangement.report(),
        }

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What else was written down beside the piece: chorale, arrangement."""
        found = (None if self.chorale is None else self.chorale.setting, self.arrangement)
        return tuple(one for one in found if one is not None)


def song(
    text: str,
    out: str | Path = "song",
    *,
    bars: int | None = None,
    settings: Mapping[str, str] | Sequence[str] | None = None,
    candidates: int = CANDIDATES,
    players: int = PLAYERS,
    guidance: float | int = 1.5,
    harmonize: bool = False,
    arrange: str | None = None,
    expression: str = EXPRESSIONS[0],
    seed: int = 0,
    progress: Progress | None = None,
) -> Song:
    """Compose, play, judge, engrave, render and picture what a text says; ``out`` is the folder.

    ``candidates`` pieces are composed and each is played by ``players`` players.  The piece is
    chosen by how well it matches the words; among pieces that match alike, and among players, the
    critic's score of the interpretation decides.  The same arguments give the same bytes.

    ``harmonize``: the melody of the kept piece as a chorale in four parts.  ``arrange``: a name of
    :data:`partimento.music.ensembles.ENSEMBLES`; its players get the parts of the piece where it
    has several, otherwise, and with ``harmonize``, the four voices of the chorale.  The text may
    ask for both ("harmonised in four parts", "arranged for string quartet").

    ``expression``: ``learnt`` plays as pianists did (ASAP), ``rules`` by the KTH rules.

    Raises ConfigError for impossible options and what
    :func:`partimento.tasks.text2midi.compose.compose` raises.
    """
    _check_options(candidates, players, expression)
    wishes = wishes_of(checked_text(text), harmonize, arrange)
    began = time.perf_counter()
    tell = _teller(progress)
    tell(0)
    composed = compose(
        wishes.about,
        bars=bars,
        settings=settings,
        n=candidates,
        seed=seed,
        guidance=guidance,
        # Composing is told as one step; its own steps only show that it goes on.
        progress=lambda done, total, label: tell(0),
    )
    tell(1)
    takes = _played(composed, players, seed, expression)
    tell(2)
    takes = _judged(takes)
    best, chosen_by = _choose(takes)
    tell(3)
    score = written_score(best.piece, composed.title)
    engraving = engraved(musicxml_text(score))
    sound = render_parts(played_parts(best.played), SAMPLE_RATE)
    tell(4)
    made = Song(wishes, composed, takes, best, chosen_by, _picture(best, seed), engraving, sound)
    made = replace(made, expression=expression)
    tell(5)
    made = _set_in_parts(made, score, seed)
    tell(6)
    files = _save(made, Path(out))
    tell(7)
    return replace(made, files=tuple(files), seconds=time.perf_counter() - began)


def _check_options(candidates: int, players: int, expression: str) -> None:
    for name, count in (("candidates", candidates), ("players", players)):
        if not 1 <= count <= MOST_TRIED:
            raise ConfigError(
                f"{count} is not between 1 and {MOST_TRIED}",
                where=f"--{name}",
                fix=f"Use 1 to {MOST_TRIED}",
            )
    if expression not in EXPRESSIONS:
        raise ConfigError(
            f"{expression[:40]!r} is not {' or '.join(EXPRESSIONS)}",
            where="--expression",
            fix=f"Use {' or '.join(EXPRESSIONS)}",
        )


def _teller(progress: Progress | None) -> Callable[[int], None]:
    def tell(step: int) -> None:
        if progress is not None:
            progress(step, len(_STEPS), _STEPS[min(step, len(_STEPS) - 1)])

    return tell


def _played(composed: Outcome, players: int, seed: int, expression: str) -> tuple[Take, ...]:
    """Every piece by every player; players differ, and are the same for all pieces."""
    takes, energy = [], _energy(composed)
    for piece in composed.pieces:
        if len(piece.piece) == 0:
            continue
        for number in range(1, players + 1):
            rng = np.random.default_rng([seed, piece.number, number])
            chance = np.random.default_rng([seed, number])
            if expression == "rules":
                played = play(piece.piece, draw_player(chance, energy), rng)
            else:
                played = play_learnt(piece.piece, draw_style(chance, energy), rng)
            takes.append(Take(piece, number, starting_soon(played)))
    if not takes:
        raise ConfigError(
            "no piece has a note", where=composed.title, fix="Ask for more bars or another seed"
        )
    return tuple(takes)


def _energy(composed: Outcome) -> float:
    """0 to 1 from the arousal that was asked for, else the middle."""
    arousal = composed.asked.arousal
    return 0.5 if arousal is None else LEVELS["arousal"].index(arousal) / 2


def _judged(takes: Sequence[Take]) -> tuple[Take, ...]:
    """Every take heard by the critic, as if on the piano, for that is what it has learnt."""
    with TemporaryDirectory() as place:
        for take in takes:
            write_performance(take.played.performance(), Path(place) / f"{take.name}.mid")
        result = critique([str(Path(place) / f"{take.name}.mid") for take in takes], weights=CRITIC)
    found = {judged.clip.performance.stem: judged for judged in result.judged}
    return tuple(replace(take, judged=found.get(take.name)) for take in takes)


def _choose(takes: Sequence[Take]) -> tuple[Take, str]:
    """The take to keep and, in words, by what."""
    top = max(take.piece.chosen.score for take in takes)
    even = [take for take in takes if take.piece.chosen.score >= top - _ALIKE]
    pieces = len({take.piece.number for take in even})
    heard = [take for take in even if not np.isnan(take.convincing)]
    if not heard:
        first = max(even, key=lambda take: take.piece.chosen.score)
        return first, "its match with the words, since the critic could not judge the performances"
    best = max(heard, key=lambda take: (take.convincing, -take.piece.number, -take.number))
    if pieces == 1:
        return best, "the match of the piece with the words and the critic's view of the player"
    return best, f"the critic, among {pieces} pieces that match the words alike"


def _picture(take: Take, seed: int) -> Cover:
    with TemporaryDirectory() as place:
        path = Path(place) / "piece.mid"
        path.write_bytes(written_midi(take.piece, ""))
        return cover(path, seed=seed)


def _set_in_parts(made: Song, score: Score, seed: int) -> Song:
    """The song with the chorale and the arrangement that were asked for."""
    ensemble = made.wishes.ensemble
    alone = len(set(made.best.piece.piece.instrument.tolist())) == 1
    if made.wishes.harmonize or (ensemble is not None and alone):
        made = replace(made, chorale=chorale(made.best.piece, seed))
    if ensemble is None:
        return made
    if made.chorale is not None:
        four = made.chorale.setting.score
        return replace(made, arrangement=arranged(four, ensemble, four.title, "the chorale", seed))
    title = made.composed.title
    return replace(made, arrangement=arranged(score, ensemble, title, "the piece", seed))


def _save(made: Song, folder: Path) -> list[Path]:
    """Every file of the kept take, the report, the page."""
    from partimento.chain.song_page import write_song_page
    from partimento.tasks.text2midi.outcome import made_folder

    folder = made_folder(folder)
    best, title = made.best, made.composed.title
    data: dict[str, bytes | str] = {
        "score.mid": written_midi(best.piece, title),
        "score.musicxml": musicxml_text(written_score(best.piece, title)),
        "score.svg": made.engraving.svg,
        "performance.mid": played_midi(best.played, title),
        "cover.png": made.picture.png,
        "report.json": json.dumps(plain(made.lasting()), indent=2, allow_nan=False) + "\n",
    }
    for one in made.settings:
        data |= one.files()
    for name, content in data.items():
        write_atomic(folder / name, content)
    files = [folder / name for name in data]
    files.append(write_wav(folder / "performance.wav", made.sound, SAMPLE_RATE))
    if best.judged is not None:
        # The critic heard a file of its own that is gone; the kept performance is here.
        told = {**best.judged.report(CRITIC), "input": "performance.mid"}
        report = json.dumps(plain(told), indent=2) + "\n"
        write_atomic(folder / "critique.json", report)
        files.append(folder / "critique.json")
    files.append(write_song_page(folder / "index.html", made, [file.name for file in files]))
    return files

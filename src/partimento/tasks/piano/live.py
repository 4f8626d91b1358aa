"""Play, and it answers: phrases from a MIDI instrument, answers as soon as there is a pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from partimento.core.errors import ConfigError
from partimento.music.event_stream import EventReader, KeyEvent
from partimento.music.events import EOS, TICKS_PER_SECOND
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.interface import PianoModel, Player
from partimento.tasks.piano.listening import NOTE_ON, PhraseListener
from partimento.tasks.piano.loading import DEFAULT_WEIGHTS
from partimento.tasks.piano.passage import (
    MS_PER_TICK,
    NO_NOTES,
    Passage,
    Struck,
    cut_before,
    join,
    tick_after,
    together,
)
from partimento.tasks.piano.playing import (
    checked_seconds,
    new_player,
    resolve_precision,
    resolve_sampling,
)
from partimento.tasks.piano.ports import InPort, OutPort, open_in, open_out

Listener = Callable[[dict[str, Any]], None]

AHEAD_SEC = 0.5
"""The model plays so far ahead of what is heard."""
TICK_SEC = 0.002
MEMORY_MS = 120_000
"""So much of the conversation is remembered."""
BETWEEN_MS = 200
"""In the model's memory a phrase follows the answer before it so soon; the pause is no music."""


def live(
    *,
    input_port: str | None = None,
    output_port: str | None = None,
    pause: float | int = 1.5,
    seconds: float | int = 15.0,
    turns: int | None = None,
    style: str = "balanced",
    temperature: float | int | None = None,
    top_k: int | None = None,
    top_p: float | int | None = None,
    seed: int = 0,
    weights: str = DEFAULT_WEIGHTS,
    precision: str = "auto",
    device: str = "cpu",
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Answer every phrase played on a MIDI instrument, on another port or the same instrument.

    A phrase is over after ``pause`` seconds without a key; the answer lasts ``seconds`` at most and
    stops when a key is struck.  Ends after ``turns`` answers, or when interrupted.

    Raises MissingExtraError without python-rtmidi, ConfigError for impossible options and ports.
    """
    if not 0.2 <= pause <= 60:
        raise ConfigError(
            f"a pause of {pause:g} s is not possible", where="--pause", fix="Use 0.2 to 60"
        )
    if turns is not None and turns < 1:
        raise ConfigError(f"{turns} answers are not possible", where="--turns", fix="Use 1 or more")
    longest = checked_seconds(seconds, "--seconds")
    sampling = resolve_sampling(style, temperature, top_k, top_p)
    precision = resolve_precision(precision, device)
    source, sink = open_in(input_port), open_out(output_port)
    from partimento.tasks.piano import loading

    model = loading.load_piano(weights, device)
    partner = Partner(model, sampling, precision, seed, round(longest * TICKS_PER_SECOND))
    talk = Conversation(partner, source, sink, float(pause), listener=listener)
    try:
        talk.run(turns)
    except KeyboardInterrupt:
        pass
    finally:
        talk.silence()
        source.close()
        sink.close()
    return {"weights": str(weights), "precision": precision, "turns": talk.turns}


@dataclass(slots=True)
class Partner:
    """What answers: a model with its memory of the conversation, in milliseconds of music."""

    model: PianoModel
    sampling: Sampling
    precision: str
    seed: int
    longest_ticks: int
    memory: Struck = NO_NOTES
    answers: int = 0

    def answer(self, phrase: Struck) -> Answer:
        """Begin to answer a phrase (its time 0 is its first note)."""
        start = self.memory.end + BETWEEN_MS if len(self.memory) else 0
        known = together(self.memory, phrase.shifted(start))
        # The newest part, moved to the start of the clock by whole ticks.
        late = max(0, known.end - MEMORY_MS) // MS_PER_TICK * MS_PER_TICK
        self.memory = known.select(known.onset >= late).shifted(-late)
        player = new_player(self.model, 1, self.sampling, self.seed + self.answers, self.precision)
        self.answers += 1
        passage = cut_before(self.memory, tick_after(self.memory))
        player.prime(passage.seen, passage.cut_tick)
        reader = EventReader(None, player.grammars[0].loud, self.longest_ticks)
        return Answer(self, passage, player, reader)


class Answer:
    """An answer while it is played: keys as they are made, kept in the partner's memory."""

    def __init__(
        self, partner: Partner, passage: Passage, player: Player, reader: EventReader
    ) -> None:
        self.partner, self.passage, self.player, self.reader = partner, passage, player, reader

    def ahead(self, ticks: int) -> list[KeyEvent]:
        """Play until ``ticks`` from the beginning; the keys moved."""
        moved: list[KeyEvent] = []
        while not self.reader.done and self.reader.tick < ticks:
            for token in self.player.draw()[0].tolist() or [EOS]:
                if self.reader.done:
                    break
                key = self.reader.take(token)
                moved += [key] if key is not None else []
        if self.reader.done:
            moved += self.reader.finish()
        return moved

    def remember(self, ticks: int) -> None:
        """Keep what was heard up to ``ticks`` in the partner's memory."""
        heard = [
            replace(note, offset=max(note.onset + 1, min(note.offset, ticks)))
            for note in self.reader.snapshot()
            if note.onset < ticks
        ]
        self.partner.memory = join(self.passage, heard)


@dataclass(slots=True)
class Conversation:
    """Listens, answers, stops when interrupted by a key; one thread, its clock from outside."""

    partner: Partner
    source: InPort
    sink: OutPort
    pause_sec: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    listener: Listener | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)
    _sounding: set[int] = field(default_factory=set)

    def run(self, turns: int | None = None) -> None:
        """Answer ``turns`` phrases; None: for ever."""
        ear = PhraseListener(self.pause_sec)
        while turns is None or len(self.turns) < turns:
            self._listen(ear)
            phrase = ear.phrase(self.clock())
            if phrase is None:
                self.sleep(TICK_SEC)
            else:
                self._answer(ear, phrase)

    def silence(self) -> None:
        """End whatever sounds."""
        for pitch in sorted(self._sounding):
            self.sink.send((NOTE_ON, pitch, 0))
        self._sounding.clear()

    def _listen(self, ear: PhraseListener) -> bool:
        """Take all messages that have arrived; true when a key was struck."""
        struck = False
        while (message := self.source.poll()) is not None:
            struck |= ear.hear(message, self.clock())
        return struck

    def _answer(self, ear: PhraseListener, phrase: Struck) -> None:
        asked = self.clock()
        answer = self.partner.answer(phrase)
        waiting = answer.ahead(round(AHEAD_SEC * TICKS_PER_SECOND))
        start = self.clock()
        played, interrupted = 0, False
        while waiting or not answer.reader.done:
            if self._listen(ear):
                interrupted = True
                break
            now = round((self.clock() - start) * TICKS_PER_SECOND)
            while waiting and waiting[0].tick <= now:
                played += self._send(waiting.pop(0))
            waiting += answer.ahead(now + round(AHEAD_SEC * TICKS_PER_SECOND))
            self.sleep(TICK_SEC)
        self.silence()
        passed = self.clock() - start
        answer.remember(round(passed * TICKS_PER_SECOND) if interrupted else answer.reader.tick + 1)
        self._note(phrase, played, start - asked, passed, interrupted)

    def _send(self, key: KeyEvent) -> int:
        """Send a key; 1 for an onset."""
        if key.kind == "note_on":
            # Before it is sent: an interruption in between must not leave it sounding.
            self._sounding.add(key.pitch)
            self.sink.send((NOTE_ON, key.pitch, key.velocity))
            return 1
        self.sink.send((NOTE_ON, key.pitch, 0))
        self._sounding.discard(key.pitch)
        return 0

    def _note(
        self, phrase: Struck, played: int, delay: float, seconds: float, interrupted: bool
    ) -> None:
        turn = {
            "heard_notes": len(phrase),
            "heard_seconds": round(phrase.end / 1000, 3),
            "played_notes": played,
            "played_seconds": round(seconds, 3),
            "delay_seconds": round(delay, 4),
            "interrupted": interrupted,
        }
        self.turns.append(turn)
        if self.listener is not None:
            self.listener({"event": "turn", "number": len(self.turns), **turn})

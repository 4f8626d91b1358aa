"""Continue a performance, or play one from nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from partimento.core.errors import ConfigError, MusicError
from partimento.core.progress import Progress
from partimento.music.event_stream import EventReader, KeyEvent
from partimento.music.events import TICKS_PER_SECOND, encode_events
from partimento.nn.sampling import Sampling
from partimento.nn.sampling import sweep as sweep_of
from partimento.tasks.piano import playing
from partimento.tasks.piano.interface import PianoModel
from partimento.tasks.piano.likeness import drift as drift_from
from partimento.tasks.piano.likeness import piece_details, sweep_rows
from partimento.tasks.piano.loading import DEFAULT_WEIGHTS
from partimento.tasks.piano.outcome import Outcome, Piece
from partimento.tasks.piano.passage import (
    NO_NOTES,
    Passage,
    Struck,
    cut_before,
    join,
    read_struck,
    refuse_endless,
    tick_after,
    tick_of_event,
)
from partimento.tasks.piano.playing import (
    MAX_PIECES,
    Limits,
    Played,
    Timing,
    checked_count,
    checked_seconds,
    checked_tokens,
    new_player,
    resolve_precision,
    resolve_sampling,
)
from partimento.tasks.piano.ports import heard_on
from partimento.tasks.piano.stream import Listener, StreamWriter

DEFAULT_SECONDS = 30.0
CANDIDATES = 3
FAR = 2.0
"""Drift beyond which a piece is drawn again: twice the density and another register, say."""
RUNAWAY = 6
"""A draw with so many times the primer's events a second is not played to its end."""
SEED_STEP = 1_000_003
"""Between the seeds of a piece's draws, so that neighbouring seeds do not share them."""
LONG_TOKENS, LONG_PRIMER_TOKENS = 2048, 200
"""The style ``long`` plays so many events from a primer of so many."""
LONGEST_DREAM_SEC = 600.0
EARLY_SEC = 1.0
"""A piece that its model ends so much before the time asked for is worth a note."""


def continue_piece(
    primer: str | Path,
    *,
    seconds: float | int | None = None,
    tokens: int | None = None,
    primer_seconds: float | int | None = None,
    style: str = "balanced",
    temperature: float | int | None = None,
    top_k: int | None = None,
    top_p: float | int | None = None,
    sweep: str | Sequence[float | int] | None = None,
    n: int = 1,
    seed: int = 0,
    candidates: int | None = None,
    stream: bool = False,
    play: str | None = None,
    weights: str = DEFAULT_WEIGHTS,
    precision: str = "auto",
    device: str = "cpu",
    folder: str | Path | None = None,
    progress: Progress | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Go on playing where a MIDI file ends, or where its first ``primer_seconds`` end.

    The primer stays in the result to the millisecond; what followed it in the file is replaced.
    Only the ends of notes that sound at the cut are up to the model.  The continuation stops after
    ``seconds`` (default 30) or ``tokens`` events, whichever comes first, or when the model ends the
    piece.  The style ``long`` by default reads 200 events and plays 2048.  ``sweep`` makes ``n``
    pieces at each of several temperatures.  The pieces of one call are played side by side and
    share one stream of random numbers: equal ``n`` and ``seed``, equal bytes.

    A piece that leaves the primer's density, loudness, register and pitch classes far behind
    (:func:`partimento.tasks.piano.likeness.drift`) is drawn again, ``candidates`` times at most,
    and the nearest stays: one draw in ten or so runs away.  Default 3; 1 for a stream and a sweep.

    With ``stream`` the MIDI files in ``folder`` grow while the model plays, and ``listener`` is
    told of every key.  ``play`` names a MIDI port on which the first piece is heard meanwhile.

    Raises ConfigError for impossible options, InputFileError and MusicError for a primer that
    cannot be used, MissingExtraError for ``play`` without python-rtmidi.
    """
    asked = _Asked.of(seconds, tokens, primer_seconds, style)
    base = resolve_sampling(style, temperature, top_k, top_p)
    samplings = _samplings(base, sweep)
    checked_count(n * len(samplings))
    candidates = _candidates(candidates, single=stream or play is not None or sweep is not None)
    precision = resolve_precision(precision, device)
    notes, warnings = read_struck(primer)
    passage = _cut(notes, asked, Path(primer))
    name = Path(primer).stem or "primer"
    run = _Run("continue", name, style, n, seed, passage, asked.limits, candidates)
    out = _stream_folder(folder) if stream else None
    with heard_on(play, listener) as told:
        pieces, timing, files = run.all(
            _load(weights, device), samplings, precision, out, progress, told
        )
    facts = {
        "primer": str(primer),
        "primer_seconds": round(passage.cut_tick / TICKS_PER_SECOND, 3),
        "primer_notes": len(passage.seen),
        "weights": str(weights),
        "precision": precision,
        "device": device,
        "candidates": candidates,
    }
    if sweep is not None:
        facts["sweep"] = sweep_rows(pieces)
    notes_to_user = (*warnings, *_early(pieces, asked.limits))
    return Outcome("continue", run.name, pieces, timing, facts, "primer", notes_to_user, files)


def dream(
    *,
    seconds: float | int = 60.0,
    style: str = "balanced",
    temperature: float | int | None = None,
    top_k: int | None = None,
    top_p: float | int | None = None,
    n: int = 1,
    seed: int = 0,
    weights: str = DEFAULT_WEIGHTS,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Outcome:
    """Play a piece from nothing for ``seconds``, or until the model ends it.

    With ``seconds=0`` it plays until it ends, for ten minutes at most.

    Raises ConfigError for impossible options.
    """
    limit = LONGEST_DREAM_SEC if seconds == 0 else checked_seconds(seconds, "--seconds")
    sampling = resolve_sampling(style, temperature, top_k, top_p)
    checked_count(n)
    precision = resolve_precision(precision, device)
    limits = Limits(ticks=round(limit * TICKS_PER_SECOND))
    run = _Run("dream", "dream", style, n, seed, cut_before(NO_NOTES, 0), limits)
    pieces, timing, _ = run.all(_load(weights, device), [sampling], precision, None, progress, None)
    facts = {"weights": str(weights), "precision": precision, "device": device}
    return Outcome("dream", "dream", pieces, timing, facts)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Lengths asked for, checked."""

    limits: Limits
    primer_sec: float | None
    primer_tokens: int | None

    @classmethod
    def of(
        cls,
        seconds: float | int | None,
        tokens: int | None,
        primer_sec: float | int | None,
        style: str,
    ) -> _Asked:
        if seconds is not None:
            checked_seconds(seconds, "--seconds")
        if tokens is not None:
            checked_tokens(tokens)
        if primer_sec is not None:
            checked_seconds(primer_sec, "--primer-seconds")
        long = style == "long"
        if seconds is None and tokens is None:
            seconds, tokens = (None, LONG_TOKENS) if long else (DEFAULT_SECONDS, None)
        ticks = None if seconds is None else round(seconds * TICKS_PER_SECOND)
        cut = None if primer_sec is None else float(primer_sec)
        events = LONG_PRIMER_TOKENS if long and primer_sec is None else None
        return cls(Limits(ticks, tokens), cut, events)


@dataclass(frozen=True, slots=True)
class _Run:
    """Pieces that go on from one passage."""

    command: str
    name: str
    style: str
    n: int
    seed: int
    passage: Passage
    limits: Limits
    candidates: int = 1

    def all(
        self,
        model: PianoModel,
        samplings: Sequence[Sampling],
        precision: str,
        folder: Path | None,
        progress: Progress | None,
        listener: Listener | None,
    ) -> tuple[tuple[Piece, ...], Timing, tuple[Path, ...]]:
        """A batch for each sampling: pieces, what they took, files written meanwhile."""
        pieces: list[Piece] = []
        files: list[Path] = []
        timings: list[Timing] = []
        for sampling in samplings:
            writer = self._writer(sampling, len(pieces), folder, listener)
            watch = _watch(writer, progress, self.limits, len(timings), len(samplings))
            chosen, timing = self._drawn(model, sampling, precision, watch)
            timings.append(timing)
            files += writer.files if writer else []
            start = self.passage.cut_tick / TICKS_PER_SECOND
            for one in chosen:
                whole = join(self.passage, one.notes)
                span = (start, start + one.ticks / TICKS_PER_SECOND)
                pieces.append(
                    Piece(
                        self.style, whole, one.tokens, span, one.ended, sampling, self.seed,
                        len(pieces) + 1, piece_details(self.passage.seen, whole),
                    )
                )  # fmt: skip
        total = timings[0]
        for timing in timings[1:]:
            total = total.plus(timing)
        return tuple(pieces), total, tuple(files)

    def _drawn(
        self, model: PianoModel, sampling: Sampling, precision: str, watch: playing.Watch | None
    ) -> tuple[list[Played], Timing]:
        """The pieces of a batch, those that run away from the primer drawn again."""

        def draw(count: int, again: int) -> tuple[list[Played], Timing]:
            seed = self.seed + again * SEED_STEP
            player = new_player(model, count, sampling, seed, precision)
            limits = self.limits if again + 1 == self.candidates else bounded
            return playing.play(player, self.passage, limits, watch)

        bounded = self._bounded()
        kept, timing = draw(self.n, 0)
        away = [self._drift(one, bounded) for one in kept] if self.candidates > 1 else []
        for again in range(1, self.candidates):
            rows = [row for row in range(self.n) if away[row] > FAR]
            if not rows:
                break
            drawn, more = draw(len(rows), again)
            timing = timing.plus(more)
            for row, one in zip(rows, drawn, strict=True):
                if (drift := self._drift(one, bounded)) <= away[row]:
                    kept[row], away[row] = one, drift
        return kept, timing

    def _bounded(self) -> Limits:
        """The limits of a draw that will not be the last: it may stop when it has run away."""
        seen = self.passage.seen
        if self.limits.ticks is None or self.candidates == 1 or not len(seen):
            return self.limits
        rate = len(encode_events(seen)) / max(seen.ticks - int(seen.onset[0]), TICKS_PER_SECOND)
        most = round(RUNAWAY * rate * self.limits.ticks)
        return Limits(self.limits.ticks, min(most, self.limits.tokens or most))

    def _drift(self, one: Played, bounded: Limits) -> float:
        """From the primer to what one row played; infinite for one that was stopped."""
        stopped = bounded != self.limits and len(one.tokens) == bounded.tokens
        if stopped and one.ticks < (self.limits.ticks or 0):
            return math.inf
        whole = join(self.passage, one.notes)
        return drift_from(self.passage.seen, whole.select(whole.made))

    def _writer(
        self, sampling: Sampling, before: int, folder: Path | None, listener: Listener | None
    ) -> StreamWriter | None:
        if folder is None and listener is None:
            return None
        numbers = range(before + 1, before + 1 + self.n)
        stems = [(self.name, self.command, self.style, sampling, self.seed, k) for k in numbers]
        return StreamWriter(self.passage, stems, folder, listener)


def _candidates(wanted: int | None, *, single: bool) -> int:
    """How often to draw a piece at most.  Raises ConfigError where once must do."""
    if wanted is None:
        return 1 if single else CANDIDATES
    if wanted > 1 and single:
        raise ConfigError(
            "with --stream, --play or --sweep every piece is drawn once",
            where="--candidates",
            fix="Leave it out",
        )
    return checked_count(wanted, "--candidates")


def _watch(
    writer: StreamWriter | None, progress: Progress | None, limits: Limits, done: int, total: int
) -> Callable[[int, list[KeyEvent], EventReader], None] | None:
    """What is told of every row: the stream's writer and the progress bar."""
    if writer is None and progress is None:
        return None

    def watch(row: int, moved: list[KeyEvent], reader: EventReader) -> None:
        if writer is not None:
            writer.watch(row, moved, reader)
        if progress is not None and row == 0 and limits.ticks:
            second = limits.ticks // TICKS_PER_SECOND
            passed = min(reader.tick // TICKS_PER_SECOND, second)
            progress(done * second + passed, total * second, "seconds of music")

    return watch


def _samplings(base: Sampling, wanted: str | Sequence[float | int] | None) -> list[Sampling]:
    """One sampling, or one for each temperature of a sweep."""
    if wanted is None:
        return [base]
    try:
        texts = wanted.split(",") if isinstance(wanted, str) else wanted
        temperatures = [float(t) for t in texts]
    except ValueError as error:
        raise ConfigError(
            f"{wanted!r} is no list of temperatures", where="--sweep", fix="Write 0.6,0.8,1.0"
        ) from error
    if not 1 <= len(temperatures) <= MAX_PIECES or not all(0 <= t <= 5 for t in temperatures):
        raise ConfigError(
            "a sweep has at least one temperature, each of 0 to 5",
            where="--sweep",
            fix="Write 0.6,0.8,1.0",
        )
    return sweep_of(base, temperatures)


def _cut(notes: Struck, asked: _Asked, path: Path) -> Passage:
    """The primer of the notes.  Raises MusicError when nothing is left or it is endless."""
    end = tick_after(notes)
    if asked.primer_tokens is not None:
        end = min(end, tick_of_event(notes.ticks(), asked.primer_tokens))
    if asked.primer_sec is not None:
        end = min(end, round(asked.primer_sec * TICKS_PER_SECOND))
    passage = cut_before(notes, end)
    if len(passage.seen) == 0:
        first = int(notes.onset[0]) / 1000
        raise MusicError(
            f"no note begins in the first {asked.primer_sec:g} s, the first one at {first:.2f} s",
            where=str(path),
            fix="Use a longer --primer-seconds",
        )
    refuse_endless(end, str(path), "Keep a part of it with --primer-seconds")
    return passage


def _early(pieces: Sequence[Piece], limits: Limits) -> list[str]:
    """A sentence for each piece that its model ended before the time asked for."""
    found = []
    for piece in pieces:
        seconds = piece.made_sec[1] - piece.made_sec[0]
        if piece.ended and (limits.ticks is None or seconds < limits.ticks / 100 - EARLY_SEC):
            found.append(
                f"piece {piece.number}: the model ended it after {seconds:.1f} s; "
                "a shorter --primer-seconds begins before the end of the music"
            )
    return found


def _stream_folder(folder: str | Path | None) -> Path:
    if folder is None:
        raise ConfigError("a stream needs a folder to write to", where="--out")
    return Path(folder)


def _load(weights: str, device: str) -> PianoModel:
    from partimento.tasks.piano import loading

    return loading.load_piano(weights, device)

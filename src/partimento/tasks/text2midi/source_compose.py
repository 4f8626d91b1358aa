"""The source design at work: likelihood of pieces under a semantic token, and composing.

Shape suffixes: B pieces side by side, L tokens, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.core.checkpoint import CheckpointMeta, load_checkpoint, resolve_weights
from partimento.core.config import validate_config
from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.core.progress import Progress
from partimento.music.amt_grammar import AmtGrammar
from partimento.music.amt_tokens import (
    BOS,
    DURATION,
    EOS,
    SEMANTICS,
    VOCABULARY,
    decode_amt,
    encode_amt,
    quantise,
    semantic_token,
)
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece, bar_piece, meter_ticks
from partimento.music.instruments import INSTRUMENT_ID
from partimento.nn.decoding import StaticDecoder
from partimento.nn.device import checked_device
from partimento.nn.quantised import Precision
from partimento.nn.sampling import MASKED, Sampling, draw
from partimento.tasks.text2midi.interface import Conditions, Wish
from partimento.tasks.text2midi.quantise_export import unpacked
from partimento.tasks.text2midi.source_config import SourceConfig
from partimento.tasks.text2midi.source_data import (
    HEAD,
    SEMANTIC_PREFIX,
    Codebook,
    collate,
    cut_windows,
    framed,
)
from partimento.tasks.text2midi.source_model import SourceTransformer, sequence_nats

MODEL_NAME = "SourceTransformer"
SCORED_TOGETHER = 16
DEFAULT_METER = "4/4"


class SourceModel:
    """A trained :class:`SourceTransformer`; implements ``interface.TextModel``.

    Of the conditions it knows the first semantic token alone: that is the design.  Tempo, meter
    and instrument of a wish are written into the piece, for the scheme cannot say them.

    ``shares`` (k,) are the shares of the semantic tokens in training; a piece without one is scored
    under the mixture of all, and composed under a token drawn by them.
    """

    def __init__(
        self,
        network: SourceTransformer,
        shares: np.ndarray,
        codebook: Codebook | None = None,
        name: str = "text2midi-seed",
        precision: Precision = "fp32",
    ) -> None:
        self.network, self.codebook, self.name = network.eval(), codebook, name
        self.shares, self.precision = shares / shares.sum(), precision
        self.context = network.config.context

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.embedding.weight.device

    @property
    def clusters(self) -> int:
        """Semantic tokens that the model has learnt."""
        return len(self.shares)

    def semantic(self, text: str) -> tuple[int, ...]:
        """The cluster of a text.

        Raises DataError for weights that were trained on ready examples: they have no codebook.
        """
        if self.codebook is None:
            raise DataError(
                "these weights have no codebook: they learnt from ready training examples",
                where=self.name,
                fix="Give the number of the semantic token instead of a text",
            )
        return (int(self.codebook.encode_many([text])[0, 0]),)

    # -- likelihood -------------------------------------------------------------------------------

    def nats(self, piece: BarPiece, conditions: Sequence[Conditions]) -> list[float]:
        """Nats of all that the scheme says of the piece, under each of the conditions.

        The end counts where the piece closes, or where that is left open.
        """
        given = {self._known(one.semantic[0]) for one in conditions if one.semantic}
        mixed = any(not one.semantic for one in conditions)
        numbers = list(range(self.clusters)) if mixed else sorted(given)
        events = np.append(encode_amt(quantise(piece)), EOS)
        every = dict(zip(numbers, self.token_nats(events, numbers), strict=True))
        found = []
        for one in conditions:
            told = slice(None, -1) if one.closes is False else slice(None)
            if one.semantic:
                found.append(float(every[one.semantic[0]][told].sum()))
            else:
                under = np.array([every[k][told].sum() for k in numbers])
                found.append(float(-np.logaddexp.reduce(self._log_shares() - under)))
        return found

    def _log_shares(self) -> np.ndarray:
        with np.errstate(divide="ignore"):
            found: np.ndarray = np.log(self.shares)
        return found

    @torch.inference_mode()
    def token_nats(self, events: np.ndarray, semantics: Sequence[int]) -> np.ndarray:
        """Nats (S, L) of every event under every one of the semantic tokens."""
        rows = []
        windows = cut_windows(events, self.context)
        table = [framed(w, k) for k in semantics for w in windows]
        for start in range(0, len(table), SCORED_TOGETHER):
            batch = collate(table[start : start + SCORED_TOGETHER])
            moved = (tensor.to(self.device) for tensor in batch)
            rows += list(sequence_nats(self.network, *moved).double().cpu().numpy())
        lengths = [len(w) for _ in semantics for w in windows]
        # The first prediction, of the semantic token itself, does not count.
        flat = [row[HEAD - 1 : HEAD - 1 + n] for row, n in zip(rows, lengths, strict=True)]
        return np.concatenate(flat).reshape(len(semantics), -1) if flat else np.zeros((0, 0))

    # -- composing --------------------------------------------------------------------------------

    def compose(
        self,
        wishes: Sequence[Wish],
        *,
        seed: int,
        sampling: Sampling,
        guidance: float = 1.0,
        progress: Progress | None = None,
    ) -> list[BarPiece]:
        """One piece for each wish, side by side, within the grammar and as long as asked.

        Raises ConfigError for a guidance other than 1: the design knows no piece without a
        semantic token, so there is nothing to guide away from.
        """
        if guidance != 1:
            raise ConfigError(
                "the source design has no unconditional model to guide away from",
                where="--guidance",
                fix="Leave it at 1, or use other weights",
            )
        generator = torch.Generator().manual_seed(seed)
        drafts = [self._draft(wish, generator) for wish in wishes]
        waiting = [draft for draft in drafts if not draft.grammar.ended]
        while waiting:
            size = len(self._told(waiting[0]))
            together = [draft for draft in waiting if len(self._told(draft)) == size]
            self._write(together, size, sampling, generator)
            waiting = [draft for draft in drafts if not draft.grammar.ended]
            if progress is not None:
                progress(len(drafts) - len(waiting), len(drafts), "pieces")
        return [draft.piece() for draft in drafts]

    def _draft(self, wish: Wish, generator: torch.Generator) -> _Draft:
        first = self._number(wish.conditions, generator)
        heads = [(1.0 - wish.blend, first)]
        if wish.also is not None and wish.blend:
            heads.append((wish.blend, self._number(wish.also, generator)))
        start = None if wish.start is None else quantise(wish.start)
        meter = wish.conditions.attributes.meter or DEFAULT_METER
        meter = meter if start is None else start.meter
        ticks = wish.bars * meter_ticks(meter)
        begun = 0 if start is None else min(ticks, start.bars * start.bar_ticks)
        grammar = AmtGrammar(ticks, start_tick=begun)
        draft = _Draft(wish, meter, grammar, heads)
        if start is not None:
            given = start.excerpt(0, min(start.bars, wish.bars))
            draft.events = encode_amt(quantise(given)).tolist()
            grammar.follow(draft.events)
            grammar.ended = begun >= ticks
        return draft

    def _number(self, conditions: Conditions, generator: torch.Generator) -> int:
        if conditions.semantic:
            return self._known(conditions.semantic[0])
        return int(torch.multinomial(torch.from_numpy(self.shares), 1, generator=generator))

    def _known(self, number: int) -> int:
        if not 0 <= number < self.clusters:
            raise ConfigError(
                f"there is no semantic token {number}: {self.name} has {self.clusters}, from 0"
            )
        return number

    def _told(self, draft: _Draft) -> list[int]:
        """Events that are read before the next is drawn: all, or the newer half of the context."""
        if len(draft.events) + HEAD < self.context:
            return draft.events
        newer = np.array(draft.events[-(self.context // 2) :])
        ends = np.flatnonzero(newer[:-1] >= DURATION)
        return newer[ends[0] + 1 :].tolist() if len(ends) else newer.tolist()

    @torch.inference_mode()
    def _write(
        self, drafts: list[_Draft], told: int, sampling: Sampling, generator: torch.Generator
    ) -> None:
        """Go on with drafts of which equally much is read, until the context is full."""
        decoder = StaticDecoder(
            self.network.decoder, len(drafts), self.context, precision=self.precision
        )
        head = decoder.linear(self.network.out)
        read = torch.tensor([self._told(draft) for draft in drafts], dtype=torch.int64)
        inputs = [self._head(drafts), self.network.embed(read.view(len(drafts), told))]
        hidden_BD = decoder.prefill(torch.cat(inputs, 1))[:, -1]
        while True:
            logits_BV = head(hidden_BD.contiguous()).float().cpu()[:, :VOCABULARY]
            hidden = torch.from_numpy(~np.stack([draft.allowed() for draft in drafts]))
            drawn = draw(logits_BV.masked_fill(hidden, MASKED), sampling, generator).tolist()
            for draft, token in zip(drafts, drawn, strict=True):
                draft.take(token)
            if decoder.full or all(draft.grammar.ended for draft in drafts):
                return
            hidden_BD = decoder.step(self.network.embed(torch.tensor(drawn, device=self.device)))

    def _head(self, drafts: Sequence[_Draft]) -> Tensor:
        """Inputs (B, 2, D): BOS, and the semantic token or a mixture of two."""
        table = self.network.embedding.weight
        mixed = [
            torch.stack([w * table[semantic_token(k)] for w, k in d.heads]).sum(0) for d in drafts
        ]
        bos = table[BOS].expand(len(drafts), -1)
        return torch.stack([bos, torch.stack(mixed)], 1)


@dataclass(slots=True)
class _Draft:
    """A piece in the making: what is wished, what is written."""

    wish: Wish
    meter: str
    grammar: AmtGrammar
    heads: list[tuple[float, int]]
    events: list[int] = field(default_factory=list)

    def allowed(self) -> np.ndarray:
        """(V,) tokens that may come next; the end only where the last bar has begun."""
        mask = self.grammar.allowed()
        last_bar = (self.wish.bars - 1) * meter_ticks(self.meter)
        if self.grammar.onset < last_bar and mask.sum() > 1:
            mask[EOS] = False
        return mask

    def take(self, token: int) -> None:
        """Take a token; after the end nothing more is heard."""
        if not self.grammar.ended:
            self.grammar.advance(token)
            self.events.append(token)

    def piece(self) -> BarPiece:
        """What is written, with the head that the scheme cannot say; a given start as it was."""
        found = decode_amt(self.events, self.meter, self.wish.bars)
        attributes, start = self.wish.conditions.attributes, self.wish.start
        voice = INSTRUMENT_ID[attributes.instruments[0]] if attributes.instruments else 0
        found = replace(
            found,
            instrument=np.full(len(found), voice),
            tempo_bpm=asked_tempo(attributes),
            tempo_stated=True,
        )
        return found if start is None else _joined(start, found)


def asked_tempo(attributes: Attributes) -> float:
    """Quarters a minute: as asked, the middle of a range, or 120."""
    tempo = attributes.tempo_bpm
    if isinstance(tempo, tuple):
        return (tempo[0] + tempo[1]) / 2
    return 120.0 if tempo is None else float(tempo)


def _joined(start: BarPiece, found: BarPiece) -> BarPiece:
    """The start as it was, and what follows after its last bar, on its first instrument."""
    new = found.select(found.onset >= start.bars * start.bar_ticks)
    start = start.excerpt(0, min(start.bars, found.bars))
    voice = int(start.instrument[0]) if len(start) else 0
    names = ("onset", "duration", "pitch", "velocity")
    onset, duration, pitch, velocity = (
        np.concatenate([getattr(start, name), getattr(new, name)]) for name in names
    )
    return bar_piece(
        onset,
        duration,
        pitch,
        velocity,
        np.concatenate([start.instrument, np.full(len(new), voice)]),
        meter=start.meter,
        bars=found.bars,
        tempo_bpm=start.tempo_bpm,
    )


def load_source(name_or_path: str | Path, device: str = "cpu") -> SourceModel:
    """The source model of a checkpoint, packed to int8 or not.

    Raises DataError when the weights are of another design, InputFileError for a bad file.
    """
    path = resolve_weights(name_or_path)
    tensors, meta = load_checkpoint(path)
    if meta.model_class.rpartition(":")[2] != MODEL_NAME:
        raise DataError(
            f"these weights are of {meta.model_class}, not of the source design", where=str(path)
        )
    network = SourceTransformer(validate_config(SourceConfig, meta.config, str(path)))
    words = {n: t for n, t in tensors.items() if n.startswith(SEMANTIC_PREFIX)}
    packed = {n: t for n, t in tensors.items() if n not in words}
    state = {name: tensor.float() for name, tensor in unpacked(packed).items()}
    if network.config.tied and "embedding.weight" in state:
        state["out.weight"] = state["embedding.weight"]
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputFileError("the tensors do not fit the configuration", where=str(path)) from error
    return SourceModel(
        network.to(checked_device(device)),
        _shares(meta, path),
        _codebook(words, meta),
        path.stem,
        "int8" if len(packed) != len(state) - network.config.tied else "fp32",
    )


def _shares(meta: CheckpointMeta, path: Path) -> np.ndarray:
    """(k,) shares of the semantic tokens in training."""
    sizes = (meta.vocabulary.get("statistics") or {}).get("cluster_sizes") or {}
    try:
        table = {int(number): float(size) for number, size in sizes.items()}
    except (TypeError, ValueError, AttributeError):
        table = {}
    if not table or not all(0 <= k < SEMANTICS and n > 0 for k, n in table.items()):
        raise InputFileError("the sizes of the semantic clusters are missing", where=str(path))
    return np.array([table.get(k, 0.0) for k in range(max(table) + 1)])


def _codebook(words: dict[str, Any], meta: CheckpointMeta) -> Codebook | None:
    stored = meta.vocabulary.get("semantic")
    if not stored:
        return None
    from partimento.tasks.text2midi.semantic import SemanticTokens

    arrays = {n.removeprefix(SEMANTIC_PREFIX): tensor.numpy() for n, tensor in words.items()}
    return SemanticTokens.from_parts(arrays, stored)

"""Calibration, loops and copies: a sick case and its healthy twin each."""

import numpy as np
import pytest
import torch
from torch import nn

from doctor_cases import batches_of, classes_probe, findings
from partimento.doctor.calibration import calibration
from partimento.doctor.case import Case, DataFacts
from partimento.doctor.repeats import RunIndex, loop_share, symbols, windows, without_holds
from partimento.doctor.sample_checks import CHECKS


class Scaled(nn.Module):
    """Hands its inputs on as logits, ``scale`` times as large."""

    def __init__(self, scale):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(scale)))

    def forward(self, logits):
        return logits * self.scale


def truthful(examples=40, steps=12, width=6, seed=0, sharp=1.5):
    """Logits (E, T, D), and classes (E, T) drawn with the probabilities that they give."""
    rng = np.random.default_rng(seed)
    logits = sharp * rng.normal(size=(examples, steps, width))
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    drawn = (share.cumsum(-1) < rng.random((examples, steps, 1))).sum(-1)
    return logits, np.minimum(drawn, width - 1)


def classes_case(scale, **more):
    logits, classes = truthful(**more)
    return Case(kind="tokens", probe=classes_probe(Scaled(scale), batches_of(logits, classes)))


def test_logits_that_are_too_large():
    found = findings(classes_case(8.0, examples=200), CHECKS)
    one = found["R12.overconfident"]
    assert one.measured > 0.3
    assert 6.0 < one.evidence["best temperature"] < 10.0
    assert one.evidence["error with it"] < 0.1
    assert one.measured == pytest.approx(found["R12.calibration"].measured, abs=0.05)


def test_logits_that_are_too_small():
    found = findings(classes_case(0.1, sharp=4.0), CHECKS)
    assert list(found) == ["R12.calibration"]
    assert "not sure enough" in found["R12.calibration"].claim


@pytest.mark.parametrize("seed", range(10))
def test_probabilities_that_are_meant(seed):
    assert not findings(classes_case(1.0, seed=seed, examples=16), CHECKS)


def test_a_mild_overconfidence_is_no_finding():
    assert not findings(classes_case(1.3), CHECKS)


def test_calibration_by_hand():
    """Two answers in three are right where 0.9 was given: the error is the difference."""
    logits = np.tile([np.log(9.0), 0.0], (300, 1))
    targets = np.arange(300) % 3 // 2
    found = calibration(logits, targets, np.arange(300), np.random.default_rng(0))
    assert found.confidence == pytest.approx(0.9)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.error == pytest.approx(0.9 - 2 / 3)
    assert found.temperature == pytest.approx(np.log(9.0) / np.log(2.0), rel=0.06)
    assert sum(one["count"] for one in found.bins) == 300
    with pytest.raises(ValueError):
        calibration(logits[:, :1], targets, np.arange(300), np.random.default_rng(0))
    with pytest.raises(ValueError):
        calibration(logits, targets + 2, np.arange(300), np.random.default_rng(0))


def test_the_bootstrap_keeps_examples_together():
    """Outcomes that hang together inside an example make the interval wider."""
    rng = np.random.default_rng(0)
    logits, owner = np.tile([np.log(4.0), 0.0], (400, 1)), np.arange(400) // 40
    targets = np.repeat(np.arange(10) % 2, 40)
    together = calibration(logits, targets, owner, rng)
    apart = calibration(logits, targets, np.arange(400), rng)
    assert together.gap_high - together.gap_low > 3 * (apart.gap_high - apart.gap_low)


def melody(rng, length=80, width=12):
    """A walk over the scale: repeats by chance only."""
    return np.cumsum(rng.integers(1, width, length)) % 40


def song(rng, length=80):
    """A melody that comes back once, as real pieces do."""
    half = melody(rng, length // 2)
    return np.concatenate([half, half])


def music_case(samples, seed=0, **more):
    rng = np.random.default_rng(seed)
    corpus = [song(rng) for _ in range(30)]
    held = [song(rng) for _ in range(30)]
    data = DataFacts(inputs=[*corpus, *held], split=["train"] * 30 + ["test"] * 30)
    return Case(samples=samples(rng, corpus), corpus=corpus, data=data, **more)


def test_pieces_that_run_in_circles():
    found = findings(music_case(lambda r, _: [np.tile(melody(r, 5), 16) for _ in range(6)]), CHECKS)
    one = found["R12.loops"]
    assert one.measured > 0.9
    assert list(found) == ["R12.loops"]


def test_repeats_that_real_pieces_have_too():
    assert not findings(music_case(lambda r, _: [song(r) for _ in range(6)]), CHECKS)
    # Too few pieces to say anything.
    assert not findings(music_case(lambda r, _: [np.zeros(80, int)] * 3), CHECKS)


def test_pieces_copied_from_training():
    def copies(_, corpus):
        return [np.roll(piece, 7)[:80] for piece in corpus[:6]]

    found = findings(music_case(copies), CHECKS)
    assert list(found) == ["R13.memorised"]
    assert found["R13.memorised"].measured > 0.8


def test_chorales_share_bars_without_being_copies():
    """Held-out pieces that share as much with training take the finding away."""

    def case(shared):
        rng = np.random.default_rng(0)
        corpus = [melody(rng) for _ in range(30)]
        held = [np.roll(p, 3) if shared else melody(rng) for p in corpus]
        data = DataFacts(inputs=[*corpus, *held], split=["train"] * 30 + ["valid"] * 30)
        return Case(samples=[np.roll(p, 5) for p in corpus[:8]], corpus=corpus, data=data)

    assert list(findings(case(False), CHECKS)) == ["R13.memorised"]
    assert not findings(case(True), CHECKS)


def test_loop_share_by_hand():
    assert loop_share(np.array([1, 2, 3] * 4 + [9, 8, 7, 6])) == pytest.approx(12 / 16)
    assert loop_share(np.array([1, 2, 3] * 3 + [9, 8, 7])) == 0.0
    assert loop_share(np.array([5, 5, 5, 5])) == 1.0
    assert loop_share(np.array([], dtype=int)) == 0.0


def test_longest_run_against_the_naive_search():
    rng = np.random.default_rng(5)
    rows = [rng.integers(0, 3, 60) for _ in range(4)]
    index = RunIndex(rows)
    for _ in range(20):
        row = rng.integers(0, 3, 30)
        text, texts = "".join(map(str, row)), ["".join(map(str, one)) for one in rows]
        naive = max(
            j - i
            for i in range(31)
            for j in range(i, 31)
            if any(text[i:j] in other for other in texts)
        )
        assert index.longest(row) == naive


def test_steps_of_several_channels():
    a, b = np.array([[1, 2], [1, 3], [1, 2]]), np.array([[1, 3], [1, 2]])
    left, right = symbols([a, b])
    assert left[0] == left[2] == right[1]
    assert left[1] == right[0] != left[0]
    with pytest.raises(ValueError):
        symbols([a, np.array([1, 2])])
    assert without_holds(np.array([4, 4, 2, 2, 2, 4])).tolist() == [4, 2, 4]


def test_windows_come_from_everywhere():
    rows = [np.arange(10), np.arange(100, 104), np.arange(200, 203)]
    cuts = windows(rows, 4, 100, np.random.default_rng(0))
    assert sorted(int(cut[0]) for cut in cuts) == [0, 1, 2, 3, 4, 5, 6, 100]
    assert windows(rows, 50, 10, np.random.default_rng(0)) == []

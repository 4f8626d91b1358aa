"""Inspections: figures against slow or hand-made twins, files, and clear refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from partimento.core.errors import MusicError
from partimento.nn import tap
from partimento.tasks.chorale.attention_report import (
    attended_notes,
    attention_figures,
    channel_correlation,
    distance_profile,
    mean_distance,
    normalised_entropy,
)
from partimento.tasks.chorale.config import SourceConfig
from partimento.tasks.chorale.inspect import inspect_attention, inspect_diff, inspect_probs
from partimento.tasks.chorale.inspect_pages import surprise_roll_svg
from partimento.tasks.chorale.metrics import explain_loss, loss_figures
from partimento.tasks.chorale.model import HarmonicNetwork
from partimento.tasks.chorale.probability_report import calibration, entropies, note_rows


def network(**values: object) -> HarmonicNetwork:
    torch.manual_seed(0)
    settings = {"width": 16, "seq_len": 12, **values}
    return HarmonicNetwork(SourceConfig.model_validate(settings)).eval()


@pytest.fixture
def grid() -> np.ndarray:
    rng = np.random.default_rng(0)
    grid = np.repeat(rng.integers(50, 75, (10, 4)), 2, axis=0)
    grid[5, 1] = -1
    return grid


def causal(steps: int, seed: int = 0) -> np.ndarray:
    weights = np.tril(np.random.default_rng(seed).random((steps, steps)) + 0.01)
    return weights / weights.sum(-1, keepdims=True)


class Twisted:
    """A model whose answers are known: the true note with probability p, else one up."""

    context = 12

    def __init__(self, p: float) -> None:
        self.p = p

    def step_log_probs(self, grid_T4: np.ndarray, meta: object = None) -> np.ndarray:
        probs = np.zeros((*grid_T4.shape, 129))
        truth = np.where(grid_T4 < 0, 128, grid_T4)
        np.put_along_axis(probs, truth[..., None], self.p, axis=2)
        np.put_along_axis(probs, (truth[..., None] + 1) % 129, 1 - self.p, axis=2)
        with np.errstate(divide="ignore"):
            return np.log(probs)

    def observe(self, grid_T4: np.ndarray, meta: object = None) -> None:
        tap.record("something_else", torch.zeros(1))


def test_attention_reports_entropy_distance_and_channels(grid: np.ndarray, tmp_path: Path) -> None:
    result = inspect_attention(grid, network(layers=2), tmp_path, steps=12)
    assert (result["layers"], result["heads"], result["steps"]) == (2, 4, 12)
    assert len(result["self_attention"]) == 2 * 4 * 4
    for row in result["self_attention"]:
        assert 0 <= row["normalised_entropy"] <= 1
        assert len(row["distance_profile"]) == 12
    across = np.array(result["cross_channel"])
    assert across.shape == (2, 4, 4)
    np.testing.assert_allclose(across.sum(-1), 1, atol=1e-5)
    data = json.loads((tmp_path / "attention.json").read_text())
    maps = np.array(data["maps"])
    assert maps.shape == (2, 4, 4, 12, 12)
    assert (np.triu(maps, 1) == 0).all()
    assert data["neighbours"]["alto"][6]["note"] == "O", "step 6 reads the silence of frame 5"
    page = (tmp_path / "attention.html").read_text()
    assert page.count("<svg") >= 2 * 4 + 3
    assert [Path(f).name for f in result["files"]] == ["attention.json", "attention.html"]


def test_a_network_without_cross_channel_attention_is_not_given_zeros(
    grid: np.ndarray, tmp_path: Path
) -> None:
    result = inspect_attention(grid, network(cross_channel=False), tmp_path, steps=8)
    assert result["cross_channel"] is None
    assert "no attention across the channels" in (tmp_path / "attention.html").read_text()


def test_a_network_without_attention_is_an_error(grid: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="something_else"):
        inspect_attention(grid, Twisted(0.5), tmp_path)


def test_one_channel_axis_less_is_understood() -> None:
    weights = torch.from_numpy(np.stack([causal(6, s) for s in range(2)]))[None]
    figures = attention_figures({"self_attention": [weights]})
    assert [row["channel"] for row in figures["self_attention"]] == ["all", "all"]
    assert figures["channel_correlation"] == [None]


@given(st.integers(2, 30))
def test_even_attention_has_entropy_one_and_a_single_key_zero(steps: int) -> None:
    even = np.tril(np.ones((steps, steps))) / np.arange(1, steps + 1)[:, None]
    entropy = normalised_entropy(even)
    assert math.isnan(entropy[0])
    np.testing.assert_allclose(entropy[1:], 1.0)
    almost = np.tril(np.full((steps, steps), 1e-12))
    np.fill_diagonal(almost, 1.0)
    assert (normalised_entropy(almost)[1:] < 1e-6).all()


def test_distances_against_slow_twins() -> None:
    weights = causal(7)
    profile = distance_profile(weights, 8)
    for d in range(9):
        found = [weights[t, t - d] for t in range(7) if t >= d]
        assert profile[d] == pytest.approx(np.mean(found) if found else 0.0)
    slow = np.mean([sum(weights[t, s] * (t - s) for s in range(t + 1)) for t in range(7)])
    assert mean_distance(weights) == pytest.approx(slow)


def test_equal_maps_correlate_fully_and_different_ones_do_not() -> None:
    a, b = causal(8, 1), causal(8, 2)
    matrix = channel_correlation(np.stack([a, a, b])[:, None])
    assert matrix is not None
    assert matrix[0, 1] == pytest.approx(1.0)
    assert matrix[0, 2] < 0.9


def test_attended_notes_are_the_heaviest_visible_ones() -> None:
    weights = np.array([[1.0, 0, 0], [0.25, 0.75, 0], [0.2, 0.5, 0.3]])
    rows = attended_notes(weights, ["start", "C4", "D4"], count=2)
    assert [look["note"] for look in rows[2]["looks_at"]] == ["C4", "D4"]
    assert [look["step"] for look in rows[0]["looks_at"]] == [0]


def test_calibration_of_a_known_model(grid: np.ndarray, tmp_path: Path) -> None:
    result = inspect_probs(grid, Twisted(0.75), tmp_path)
    assert result["accuracy"] == 1.0
    assert result["calibration"]["ece"] == pytest.approx(0.25)
    assert result["loss"]["nats_per_note"] == pytest.approx(-math.log(0.75))
    assert result["loss"]["nats_per_frame"] == pytest.approx(-4 * math.log(0.75))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert result["entropy_over_time"]["bass"] == pytest.approx([entropy] * 20)
    assert sum(result["confidence_histogram"]["share"]) == pytest.approx(1)
    alto = {row["note"]: row for row in result["distribution"]["alto"]}
    assert alto["O"]["actual"] == pytest.approx(1 / 20)
    assert alto["O"]["predicted"] == pytest.approx(0.75 / 20)
    page = (tmp_path / "probs.html").read_text()
    assert page.count("<svg") >= 8 and "bits per note" in page


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200),
    st.integers(1, 12),
)
def test_bins_have_equal_mass_and_the_error_is_a_share(
    values: list[tuple[float, bool]], bins: int
) -> None:
    confidence = np.array([c for c, _ in values])
    correct = np.array([k for _, k in values])
    result = calibration(confidence, correct, bins)
    counts = [row["count"] for row in result["bins"]]
    assert sum(counts) == len(values) and max(counts) - min(counts) <= 1
    assert 0 <= result["ece"] <= 1
    assert result["ece"] >= abs(correct.mean() - confidence.mean()) - 1e-12


def test_calibration_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no predictions"):
        calibration(np.array([]), np.array([]))


def test_impossible_tokens_add_nothing_to_the_entropy() -> None:
    log_probs = np.array([[math.log(0.5), math.log(0.5), -np.inf], [0.0, -np.inf, -np.inf]])
    np.testing.assert_allclose(entropies(log_probs), [math.log(2), 0.0], atol=1e-12)


def test_note_by_note_of_a_known_model(grid: np.ndarray, tmp_path: Path) -> None:
    result = inspect_diff(grid, Twisted(0.25), tmp_path)
    assert result["cells"] == 80
    assert (result["first_choice_share"], result["top3_share"]) == (0.0, 1.0)
    rows = json.loads((tmp_path / "diff.json").read_text())["rows"]
    assert len(rows) == 80
    row = rows[5 * 4 + 1]
    assert (row["step"], row["channel"], row["truth"], row["rank"]) == (5, "alto", "O", 2)
    assert row["place"] == "quarter 1.25"
    assert row["nats"] == pytest.approx(-math.log(0.25))
    assert row["top"][0]["p"] == pytest.approx(0.75)
    assert "<svg" in (tmp_path / "diff.html").read_text()


def test_rows_agree_with_the_loss(grid: np.ndarray) -> None:
    log_probs = network().step_log_probs(grid)
    rows = note_rows(log_probs, grid)
    mean = sum(row["nats"] for row in rows) / len(rows)
    tokens = np.where(grid < 0, 128, grid)
    nll = -np.take_along_axis(log_probs, tokens[..., None], 2)[..., 0]
    assert mean == pytest.approx(explain_loss(nll)["nats_per_note"], rel=1e-6)
    for row in rows:
        assert (row["rank"] == 1) == (row["top"][0]["note"] == row["truth"])


def test_units_of_the_loss() -> None:
    figures = explain_loss(np.array([[0.1, 0.2, 0.3, 0.4], [0.3, 0.2, 0.1, 0.0]]))
    assert figures["nats_per_frame"] == pytest.approx(0.8)
    assert figures["nats_per_note"] == pytest.approx(0.2)
    assert figures["bits_per_note"] == pytest.approx(0.2 / math.log(2))
    assert figures["perplexity_per_note"] == pytest.approx(math.exp(0.2))
    assert figures["melodic_nats_per_frame"] == pytest.approx(0.2)
    assert figures["harmonic_nats_per_frame"] == pytest.approx(0.6)
    assert figures["harmonic_nats_per_note"] == pytest.approx(0.2)
    assert figures["bass_nats_per_frame"] == pytest.approx(0.2)
    assert loss_figures([math.log(47)] * 4)["nats_per_frame"] == pytest.approx(15.40, abs=0.005)
    with pytest.raises(ValueError, match="shape"):
        explain_loss(np.zeros((0, 4)))


def test_the_surprise_roll_marks_what_was_wrong(grid: np.ndarray) -> None:
    nll = np.zeros(grid.shape)
    nll[3, 2] = 9.0
    wrong = nll > 0
    svg = surprise_roll_svg(grid, nll, wrong, [0.0, 16.0])
    assert svg.count("#c1121f") >= 1
    assert "step 3, tenor" in svg and "9.00 nats" in svg
    assert "step 5, alto" not in svg, "silence has no pitch"


def test_a_canonical_file_and_its_mistakes(tmp_path: Path, grid: np.ndarray) -> None:
    file = tmp_path / "pieces.json"
    file.write_text(json.dumps({"valid": [grid.tolist(), grid[:8].tolist()]}))
    result = inspect_probs(file, Twisted(0.5), tmp_path, piece=1)
    assert result["frames"] == 8
    with pytest.raises(MusicError, match="there is no piece 2: valid has 2"):
        inspect_probs(file, Twisted(0.5), tmp_path, piece=2)
    with pytest.raises(MusicError, match="no two steps from step 7"):
        inspect_attention(file, network(), tmp_path, piece=1, first_step=7)


FOUR_PARTS = """X:1
T:Four voices
M:4/4
L:1/4
Q:1/4=80
K:C
V:S
c d e f | g4 |]
V:A
G G G A | G4 |]
V:T clef=bass
E D C C | E4 |]
V:B clef=bass
C, B,, C, F,, | C,4 |]
"""


def test_a_score_is_read_with_bars_and_beats(tmp_path: Path) -> None:
    file = tmp_path / "four.abc"
    file.write_text(FOUR_PARTS)
    result = inspect_diff(file, Twisted(0.25), tmp_path)
    assert result["cells"] == 32 * 4
    rows = json.loads((tmp_path / "diff.json").read_text())["rows"]
    assert rows[4 * 4]["place"] == "bar 1 beat 2"
    assert [rows[i]["truth"] for i in range(4)] == ["C5", "G4", "E4", "C3"]


def test_a_melody_alone_is_refused_with_advice(tmp_path: Path) -> None:
    file = tmp_path / "tune.abc"
    file.write_text("X:1\nT:Tune\nM:4/4\nL:1/4\nK:C\nc d e f | g4 |]\n")
    with pytest.raises(MusicError, match="harmonise the melody first"):
        inspect_diff(file, Twisted(0.25), tmp_path)

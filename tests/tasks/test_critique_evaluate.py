"""``evaluate critique`` on clips with and without scores, and under a protocol."""

import json

import numpy as np
import pytest

import partimento
from made_performances import another_take, random_piece, write_notes
from partimento.cli.main import main
from partimento.core.errors import ConfigError, DataError, MusicError
from partimento.music.dimensions import NAMES
from partimento.music.percepiano import read_clips
from partimento.music.performance import read_performance
from partimento.tasks.critique.contestants import CONTESTANTS
from partimento.tasks.critique.evaluate import evaluate_critique
from partimento.tasks.critique.interface import Features, Verdict
from partimento.tasks.critique.statistics_table import statistics_table


class MadeCritic:
    """Hears how loud a clip is and nothing else; says so for all dimensions."""

    name = "made"
    refuse = ""
    """A file of this name is refused."""

    def features(self, clip, *, guarded=False):
        if clip.performance.stem == self.refuse:
            raise MusicError("this clip is not to be heard", where=clip.performance.name)
        if clip.score_midi is not None and clip.score_midi.read_bytes() == b"MThd":
            raise MusicError("this score is damaged")
        loud = float(read_performance(clip.performance).velocity.mean()) / 127
        match = None if clip.score_midi is None else 0.9
        return Features(("loudness",), np.array([loud]), match)

    def without_bar(self, clip, *, guarded=False):
        raise AssertionError("an evaluation leaves no bar out")

    def predict(self, values_MF):
        return np.tile(values_MF[:, :1], (1, 19))

    def judge(self, clips):
        means = self.predict(np.stack([clip.values for clip in clips]))
        return [Verdict(m, m - 0.1, m + 0.1, 0.9, 0.5, {"drama": "unsure"}) for m in means]

    def typical(self):
        return np.zeros(1), np.ones(1)

    def groups(self):
        return {"loudness": (0,)}

    def scores_of_learnt(self):
        return np.full((3, 19), 0.4)


@pytest.fixture
def data(tmp_path):
    """Four passages of two works, each by five players and as a deadpan rendition."""
    labels, deviations = {}, {}
    generator = np.random.default_rng(0)
    for p in range(4):
        piece, name = random_piece(p, notes=60), f"W{p % 2}_4bars_{{}}_{p}"
        write_notes(piece, tmp_path / "score_midi" / f"{name.format('Score')}.mid")
        for player in ("1", "2", "3", "4", "5", "Score"):
            key = name.format(player)
            take = another_take(piece, int(generator.integers(1 << 30)))
            path = write_notes(take, tmp_path / "performances" / f"{key}.mid")
            loud = read_performance(path).velocity.mean() / 127
            noise = 0.002 * generator.standard_normal(19)
            labels[key] = [*np.clip(loud + noise, 0, 1).tolist(), 7.0]
            deviations[key] = [0.05] * 19
    (tmp_path / "labels_mean.json").write_text(json.dumps(labels))
    (tmp_path / "labels_std.json").write_text(json.dumps(deviations))
    return tmp_path


def keep_scores(data, passages):
    """Take the score MIDI of the other passages away: aligning takes time."""
    for file in (data / "score_midi").iterdir():
        if file.stem[-1] not in passages:
            file.unlink()


def measured(data, **more):
    return evaluate_critique(data, data / "labels_mean.json", **{"weights": MadeCritic(), **more})


def test_a_critic_is_measured_beside_the_simple_predictors(data):
    report = measured(data, deviation=data / "labels_std.json")
    assert report["n"] == 24 and report["passages"] == 4 and report["skipped"] == []
    assert report["r2_mean"] > 0.8 and report["r2_human_only"] > 0.8
    assert report["pair_accuracy"] > 0.9 and report["mse"] < 1e-4
    assert set(report["per_dimension"]) == set(NAMES)
    assert report["per_dimension"]["drama"]["grade"] == "Strong"
    assert set(report["ra"]) == {"0.1", "0.5", "1"} and report["ra"]["1"] == 1.0
    assert report["mean_predictor"]["r2_mean"] < 0
    assert report["passage_mean_predictor"]["r2_mean"] < report["r2_mean"]
    assert report["passage_mean_predictor"]["clips_with_others"] == 24
    assert report["score_match"] == {"clips_with_score": 24, "mean": 0.9, "lowest": 0.9}
    assert report["interval_share"] == 1.0 and report["interval_promised"] == 0.9
    assert report["abstained_share"] == pytest.approx(1 / 19)
    assert report["ceiling"]["source"] == "deviations of the raters"
    low, high = report["r2_interval_95"]
    assert low <= report["r2_mean"] <= high


def test_neither_scores_nor_deviations_are_needed(data):
    keep_scores(data, "")
    report = measured(data)
    assert report["r2_mean"] > 0.8 and report["n"] == 24
    assert report["score_match"] == {"clips_with_score": 0}
    assert "ra" not in report and report["ceiling"] is None


def test_what_cannot_be_measured_is_told(data):
    labels = json.loads((data / "labels_mean.json").read_text())
    del labels["W0_4bars_1_0"]
    labels["nobody"] = [0.5] * 19
    (data / "labels_mean.json").write_text(json.dumps(labels))
    (data / "score_midi" / "W1_4bars_Score_1.mid").write_bytes(b"MThd")
    (data / "performances" / "W0_4bars_2_2.mid").write_bytes(b"MThd")
    report = measured(data)
    reasons = {one["clip"]: one["reason"] for one in report["skipped"]}
    assert reasons["W0_4bars_1_0"] == "it has no label"
    assert reasons["nobody"] == "it has no performance"
    assert "W0_4bars_2_2.mid" in reasons["W0_4bars_2_2"]
    assert report["n"] == 22
    assert len(report["notices"]) == 6 and "this score is damaged" in report["notices"][0]


def test_one_clip_has_no_r2_but_an_error(data):
    for file in sorted((data / "performances").iterdir())[1:]:
        file.unlink()
    report = measured(data)
    assert report["n"] == 1 and np.isnan(report["r2_mean"]) and report["mse"] < 1e-3
    assert report["r2_interval_95"] is None


def test_mistakes_are_told(data, tmp_path):
    with pytest.raises(ConfigError, match="--data and --labels"):
        evaluate_critique(data)
    (tmp_path / "other.json").write_text(json.dumps({"x": [0.5] * 19}))
    with pytest.raises(DataError, match="none of the labels"):
        evaluate_critique(data, tmp_path / "other.json", weights=MadeCritic())
    (tmp_path / "few.json").write_text(json.dumps({"W0_4bars_1_0": [0.1] * 19}))
    with pytest.raises(DataError, match="no deviation of"):
        measured(data, deviation=tmp_path / "few.json")


def test_the_page_and_the_figures_are_written(data, tmp_path):
    report = measured(data, out=tmp_path / "out", deviation=data / "labels_std.json")
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "by dimension" in page and "raters" in page and "Strong" in page
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert stored["r2_mean"] == pytest.approx(report["r2_mean"])
    assert len(report["files"]) == 2


def test_statistics_are_kept_by_content(data, tmp_path, monkeypatch):
    keep_scores(data, "0")
    clips = [clip for clip in read_clips(data) if clip.performer == "1"][:2]
    first = statistics_table(clips, cache=tmp_path / "kept")
    assert first.values.shape == (2, len(first.names)) and first.failed == {}
    assert (first.notes > 40).all() and (first.beats > 0).tolist() == [True, False]
    assert np.isfinite(first.values[0]).mean() > np.isfinite(first.values[1]).mean() > 0.3

    def never(*_, **__):
        raise AssertionError("it was kept")

    monkeypatch.setattr("partimento.music.clip_statistics.read_clip", never)
    again = statistics_table(clips, cache=tmp_path / "kept")
    np.testing.assert_array_equal(first.values, again.values)
    next((tmp_path / "kept").iterdir()).write_text("{}")
    with pytest.raises(AssertionError, match="was kept"):
        statistics_table(clips, cache=tmp_path / "kept")


def test_a_file_that_cannot_be_read_is_told(data):
    clips = read_clips(data)[:2]
    clips[0].performance.write_bytes(b"MThd")
    found = statistics_table(clips)
    assert set(found.failed) == {clips[0].key}
    assert np.isnan(found.values[0]).all() and np.isfinite(found.values[1]).any()


def test_a_protocol_from_the_command_line(data, tmp_path, capsys):
    pytest.importorskip("sklearn")
    keep_scores(data, "0")
    words = ["evaluate", "critique", "--protocol", "groups", "--seeds", "2", "--data", str(data)]
    words += ["--contestant", "kernel-ridge", "-o", str(tmp_path / "out"), "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["protocol"] == "groups" and report["clips"] == 24 and report["groups"] == 4
    ridge = report["models"]["kernel-ridge"]
    assert len(ridge["folds"]) == 8 and set(ridge["per_seed"]) == {"0", "1"}
    assert ridge["r2_sd_over_seeds"] >= 0 and ridge["n"] == 48
    assert ridge["folds"][0]["valid_r2"] is None
    assert any(row["beats"] and row["beats"][0] > 0 for row in ridge["folds"])
    assert {"mean_predictor", "passage_mean_predictor", "performer_mean_predictor"} <= set(report)
    assert report["passage_mean_predictor"]["known_share"] == 0.0
    assert report["performer_mean_predictor"]["known_share"] == 1.0
    assert (tmp_path / "out" / "groups" / "evaluation.html").is_file()
    assert main(words[:-1]) == 0
    text = capsys.readouterr().out
    assert "kernel-ridge: by fold" in text and "raters' noise leaves" in text


def test_unknown_contestants_are_told(data):
    with pytest.raises(ConfigError, match="kernel-ridge"):
        partimento.evaluate_critique(data, protocol="groups", contestants=["oracle"])
    assert {"kernel-ridge", "extra-trees"} <= set(CONTESTANTS)


def test_the_shipped_critic_is_measured(data):
    keep_scores(data, "")
    report = evaluate_critique(data, data / "labels_mean.json")
    assert report["weights"] == "critique-strong" and report["n"] == 24
    assert np.isfinite(report["r2_mean"]) and 0 <= report["interval_share"] <= 1

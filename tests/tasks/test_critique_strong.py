"""The shipped design: trained on a made archive, stored, restored, and asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from critique_clips import scale_rows, scale_score, write_played
from partimento.core.errors import ConfigError, DataError
from partimento.music.dimensions import NAMES
from partimento.tasks.critique.interface import ClipFiles
from partimento.tasks.critique.loading import load_critic
from partimento.tasks.critique.strong_fit import Effort
from partimento.tasks.critique.strong_predictor import StrongPredictor
from partimento.tasks.critique.strong_recipe import (
    CriticData,
    StrongRecipe,
    read_labelled,
    train_strong,
)
from partimento.tasks.critique.train import train

TINY = {"steps": 3, "epochs": 4, "networks": 2}
LOUD, SLOW = NAMES.index("timbre_loudness"), NAMES.index("tempo")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Two works of two passages by five performers; louder and slower ones are labelled so."""
    folder = tmp_path_factory.mktemp("archive")
    for part in ("performances", "score_xml"):
        (folder / part).mkdir()
    rng = np.random.default_rng(0)
    labels = {}
    for work in ("Muster_op1_mv1", "Muster_op1_mv2"):
        for segment in ("01", "02"):
            score = f"{work}_8bars_Score_{segment}.musicxml"
            (folder / "score_xml" / score).write_bytes(scale_score())
            for performer in range(5):
                velocity, beat = int(rng.integers(30, 110)), float(rng.uniform(0.3, 0.9))
                key = f"{work}_8bars_{performer}_{segment}"
                rows = scale_rows(beat_sec=beat, velocity=velocity, held=float(rng.uniform(0.4, 1)))
                write_played(folder / "performances" / f"{key}.mid", rows)
                label = rng.uniform(0.3, 0.7, 19)
                label[LOUD], label[SLOW] = velocity / 127, beat
                labels[key] = [*label.tolist(), performer]
    (folder / "labels_mean.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture(scope="module")
def trained(archive, tmp_path_factory):
    recipe = StrongRecipe(data=CriticData(folder=str(archive)), **TINY)
    out = tmp_path_factory.mktemp("run") / "critic"
    summary = train_strong(recipe, "recipes/critique/made.yaml", out=out)
    return summary, load_critic(summary["last_weights"])


def files(archive, key="Muster_op1_mv1_8bars_0_01"):
    score = archive / "score_xml" / "Muster_op1_mv1_8bars_Score_01.musicxml"
    return ClipFiles(archive / "performances" / f"{key}.mid", score)


def test_a_run_says_what_it_did_and_its_weights_open(trained):
    summary, critic = trained
    assert summary["clips"] == 20 and summary["reason"] == "max_epochs"
    assert critic.name == "critique"
    assert critic.scores_of_learnt().shape == (20, 19)


def test_the_same_seed_gives_the_same_weights(archive, trained, tmp_path):
    recipe = StrongRecipe(data=CriticData(folder=str(archive)), **TINY)
    again = train_strong(recipe, "recipes/critique/made.yaml", out=tmp_path / "again")
    first, second = (Path(run["last_weights"]).read_bytes() for run in (trained[0], again))
    assert first == second


def test_louder_and_slower_are_heard(archive, trained, tmp_path):
    _, critic = trained
    scores = []
    for name, velocity, beat in (
        ("quiet", 40, 0.5),
        ("loud", 100, 0.5),
        ("slow", 70, 0.85),
        ("fast", 70, 0.35),
    ):
        path = write_played(tmp_path / f"{name}.mid", scale_rows(beat_sec=beat, velocity=velocity))
        clip = ClipFiles(path, files(archive).score)
        scores.append(critic.judge([critic.features(clip)])[0].mean)
    quiet, loud, slow, fast = scores
    assert loud[LOUD] > quiet[LOUD] + 0.04
    assert slow[SLOW] > fast[SLOW] + 0.04


def test_scores_lie_in_their_intervals_with_and_without_a_score(archive, trained):
    _, critic = trained
    whole = critic.features(files(archive))
    alone = critic.features(ClipFiles(files(archive).performance))
    assert whole.score_match == 1.0 and alone.score_match is None
    assert np.isnan(alone.values).sum() > np.isnan(whole.values).sum()
    for verdict in critic.judge([whole, alone]):
        assert (verdict.low <= verdict.mean).all() and (verdict.mean <= verdict.high).all()
        assert verdict.low.min() >= 0 and verdict.high.max() <= 1
        assert verdict.familiarity == pytest.approx(1.0, abs=1e-3)
    assert critic.judge([]) == []


def test_what_it_never_heard_has_wide_intervals_and_is_abstained_from(archive, trained, tmp_path):
    _, critic = trained
    rng = np.random.default_rng(5)
    rows = [(k * 0.07, k * 0.07 + 0.05, int(rng.integers(21, 108)), int(rng.integers(1, 127)))
            for k in range(300)]  # fmt: skip
    strange = critic.features(ClipFiles(write_played(tmp_path / "strange.mid", rows)))
    known = critic.features(files(archive))
    near, far = critic.judge([known, strange])
    assert far.familiarity < near.familiarity
    assert (far.high - far.low).mean() > (near.high - near.low).mean()
    assert len(far.abstained) > len(near.abstained)
    assert all(name in NAMES for name in far.abstained)


def test_bars_and_groups_cover_the_statistics(archive, trained):
    _, critic = trained
    found, bars = critic.without_bar(files(archive))
    assert [name.split(" (")[0] for name in bars] == ["bar 1", "bar 2", "bar 3", "bar 4"]
    assert critic.predict(found.values).shape == (4, 19)
    median, spread = critic.typical()
    places = sorted(place for group in critic.groups().values() for place in group)
    assert places == list(range(len(median))) and (spread > 0).all()


def test_weights_of_another_version_and_of_another_task_are_refused(trained, monkeypatch):
    summary, _ = trained
    from partimento.tasks.critique import strong

    monkeypatch.setattr(strong, "statistic_names", lambda: ("a", "b"))
    with pytest.raises(DataError, match="this version makes 2"):
        load_critic(summary["last_weights"])
    with pytest.raises(DataError, match="judges no performance"):
        load_critic("chorale-small")


def test_the_recipe_trains_through_the_command(archive, tmp_path):
    """The shipped recipe itself, with other data and little effort."""
    recipe = Path(__file__).parents[2] / "recipes" / "critique" / "strong.yaml"
    overrides = [f"data.folder={archive}", "steps=2", "epochs=2", "networks=1"]
    summary = train(recipe, overrides, out=tmp_path / "run", progress=False)
    assert load_critic(summary["last_weights"]).name == "critique-strong"
    for options in ({"resume": True}, {"preview": True}, {"time_limit": "5m"}):
        with pytest.raises(ConfigError, match="in one go"):
            train(recipe, overrides, out=tmp_path / "run2", **options)


def test_nothing_to_learn_from(archive, tmp_path):
    labels = tmp_path / "none.json"
    labels.write_text("{}")
    with pytest.raises(DataError):
        train_strong(
            StrongRecipe(data=CriticData(folder=str(archive), labels=str(labels))), "x.yaml"
        )


def test_the_predictor_sees_only_what_it_is_given(archive):
    data = read_labelled(CriticData(folder=str(archive)))
    train, valid, test = np.arange(0, 10), np.arange(10, 14), np.arange(14, 20)
    spoilt = data.labels.copy()
    spoilt[test] = 0.0
    values = data.values.copy()

    def fitted(values, labels):
        predictor = StrongPredictor(values, labels, data.groups, 0, Effort(**TINY))
        return predictor.fit(train, valid)

    one, two = (fitted(values, labels).predict(test) for labels in (data.labels, spoilt))
    assert np.array_equal(one, two)
    values[test] = 1e6
    third = fitted(values, data.labels)
    assert np.array_equal(third.pair.predict(third.scaler(data.values[test]))[0], one)

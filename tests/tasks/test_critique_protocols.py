"""Who is learnt from, selected on and foretold; runs that go on."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import DataError
from partimento.music.percepiano import Clip
from partimento.tasks.critique.folds import FOLDS, PROTOCOLS, TEST_SHARE, splits
from partimento.tasks.critique.metrics import r2_mean
from partimento.tasks.critique.protocols import run_protocol
from partimento.tasks.critique.references import FittedTable, Reference, Standard, inner_folds


def made_clips(works=3, passages=8, performers=6, deadpan=True):
    """Clips as of an archive, without files; passages 0 and 1 of every work share notes."""
    clips, groups = [], []
    for w in range(works):
        for p in range(passages):
            names = [str(k) for k in range(performers)] + (["Score"] if deadpan else [])
            for name in names:
                key = f"W{w}_8bars_{name}_{p}"
                clips.append(
                    Clip(key, Path(key), None, None, f"W{w}", f"W{w}_8bars_{p}", name, 8,
                         name == "Score")
                )  # fmt: skip
                groups.append(100 * w + max(1, p))
    return clips, np.array(groups, dtype=np.int64)


UNIT = {
    "passage": lambda clip, group: clip.passage,
    "performer": lambda clip, group: clip.performer,
    "groups": lambda clip, group: int(group),
    "work": lambda clip, group: clip.work,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), works=st.integers(2, 4), performers=st.integers(5, 9))
def test_nothing_leaks(protocol, seed, works, performers):
    clips, groups = made_clips(works, 6, performers)
    unit = np.array([str(UNIT[protocol](c, g)) for c, g in zip(clips, groups, strict=True)])
    human = np.array([not clip.deadpan for clip in clips])
    for fold in splits(clips, protocol, seed, groups_N=groups):
        parts = [fold.train, fold.valid, fold.test]
        assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts))
        kept = [part[human[part]] if protocol == "performer" else part for part in parts]
        if protocol == "work":
            assert set(unit[fold.test]) == {fold.name}
            assert not set(unit[fold.test]) & set(unit[fold.train])
            kept = [fold.train, fold.valid]
            unit_of = groups.astype(str)
        else:
            unit_of = unit
        for i, one in enumerate(kept):
            for other in kept[:i]:
                assert not set(unit_of[one]) & set(unit_of[other])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_folds_are_the_same_for_a_seed_and_others_for_another(protocol):
    clips, groups = made_clips()

    def content(seed):
        return [
            (f.name, f.train.tobytes(), f.valid.tobytes(), f.test.tobytes())
            for f in splits(clips, protocol, seed, groups_N=groups)
        ]

    assert content(1) == content(1)
    assert len({str(content(seed)) for seed in range(4)}) > 1


@pytest.mark.parametrize("protocol", ["passage", "performer"])
def test_one_test_and_four_even_folds(protocol):
    clips, groups = made_clips(passages=10, performers=12)
    parted = sum(not c.deadpan for c in clips) if protocol == "performer" else len(clips)
    for seed in range(5):
        folds = splits(clips, protocol, seed, groups_N=groups)
        assert len(folds) == FOLDS
        assert all((f.test == folds[0].test).all() for f in folds)
        assert abs(len(folds[0].test) / parted - TEST_SHARE) < 0.05
        sizes = [len(f.valid) for f in folds]
        unit = 30 if protocol == "performer" else 13
        assert max(sizes) - min(sizes) <= unit, "no more than one passage or performer"
        covered = np.concatenate([f.valid for f in folds])
        assert len(np.unique(covered)) == len(covered) == parted - len(folds[0].test)


def test_passages_are_drawn_from_every_work():
    clips, groups = made_clips(passages=10)
    test = splits(clips, "passage", 0, groups_N=groups)[0].test
    assert {clips[i].work for i in test} == {"W0", "W1", "W2"}


def test_deadpan_renditions_stay_in_training():
    clips, groups = made_clips()
    for fold in splits(clips, "performer", 3, groups_N=groups):
        assert not any(clips[i].deadpan for i in [*fold.valid, *fold.test])
        assert sum(clips[i].deadpan for i in fold.train) == 24


def test_every_clip_is_foretold_once_by_groups_and_works():
    clips, groups = made_clips()
    for protocol in ("groups", "work"):
        tests = np.concatenate([f.test for f in splits(clips, protocol, 0, groups_N=groups)])
        assert sorted(tests.tolist()) == list(range(len(clips)))


def test_a_work_that_shares_notes_is_kept_away():
    clips, groups = made_clips()
    groups[clips.index(next(c for c in clips if c.work == "W1"))] = groups[0]
    (fold,) = (f for f in splits(clips, "work", 0, groups_N=groups) if f.name == "W0")
    seen = np.r_[fold.train, fold.valid]
    assert not set(groups[seen]) & set(groups[fold.test])


@pytest.mark.parametrize(
    ("protocol", "made", "words"),
    [
        ("passage", {"works": 1, "passages": 3}, "needs 5 passages"),
        ("performer", {"performers": 4}, "needs 5 passages or performers"),
        ("work", {"works": 1}, "of one work"),
        ("groups", {"works": 1, "passages": 2}, "needs three"),
    ],
)
def test_too_few_units_are_told(protocol, made, words):
    clips, groups = made_clips(**made)
    with pytest.raises(DataError, match=words):
        splits(clips, protocol, 0, groups_N=groups)


class Counting:
    """Gives the mean of what it learnt plus its seed, and counts how often it learns."""

    def __init__(self, labels, learnt, seed):
        self.labels, self.learnt, self.seed = labels, learnt, seed

    def fit(self, train, valid):
        self.learnt.append(self.seed)
        mean = self.labels[train].mean(axis=0) + self.seed * 1e-6
        return Constant(mean, {"epochs": 3, "best_epoch": 2, "beats": [4, 9]})


class Constant:
    def __init__(self, mean, facts):
        self.mean, self.facts = mean, facts

    def predict(self, index):
        return np.tile(self.mean, (len(index), 1))


@pytest.fixture
def labelled():
    clips, groups = made_clips()
    return clips, groups, np.random.default_rng(0).random((len(clips), 19))


def counted(labelled, learnt, out=None, **more):
    clips, groups, labels = labelled
    return run_protocol(
        lambda seed: Counting(labels, learnt, seed), clips, labels, "passage", 2,
        out=out, groups_N=groups, **more,
    )  # fmt: skip


def test_the_mean_of_the_fold_models_is_measured(labelled):
    _, _, labels = labelled
    learnt = []
    run = counted(labelled, learnt)
    assert learnt == [0, 1, 2, 3, 1000, 1001, 1002, 1003]
    assert len(run.folds) == 8 and len(run.tests) == 2
    models = [f.test_predicted for f in run.folds if f.seed == 0]
    np.testing.assert_allclose(run.tests[0].predicted, np.mean(models, axis=0))
    known = set(run.tests[0].known.tolist())
    assert not known & set(run.tests[0].index.tolist())
    assert len(known) + len(run.tests[0].index) == len(labels)
    row = run.fold_table(labels)[0]
    assert (row["epochs"], row["best_epoch"], row["beats"]) == (3, 2, [4, 9])
    valid = run.folds[0].fold.valid
    assert row["valid_r2"] == pytest.approx(r2_mean(labels[valid], run.folds[0].valid_predicted))


def test_a_stopped_run_goes_on(labelled, tmp_path):
    learnt = []
    first = counted(labelled, learnt, tmp_path)
    assert len(learnt) == 8
    kept = sorted((tmp_path / "passage" / "model").glob("*.json"))
    assert len(kept) == 8
    again = counted(labelled, learnt, tmp_path)
    assert len(learnt) == 8, "nothing is trained twice"
    for one, other in zip(first.folds, again.folds, strict=True):
        np.testing.assert_array_equal(one.test_predicted, other.test_predicted)
        assert one.facts == other.facts
    kept[0].write_text("{")
    kept[1].with_suffix(".npz").write_bytes(b"half of it")
    counted(labelled, learnt, tmp_path)
    assert len(learnt) == 10, "what is damaged is trained again"
    counted(labelled, learnt, tmp_path, version="other settings")
    assert len(learnt) == 18, "what is of another model is not taken for it"


def test_kept_results_are_no_pickles(labelled, tmp_path):
    counted(labelled, [], tmp_path)
    for file in (tmp_path / "passage" / "model").glob("*.npz"):
        with np.load(file, allow_pickle=False) as stored:
            assert set(stored) == {"valid", "test"}
    head = json.loads(next((tmp_path / "passage" / "model").glob("*.json")).read_text())
    assert head["facts"]["epochs"] == 3


def test_models_that_learn_from_the_validation_part_show_no_figure_for_it(labelled):
    run = counted(labelled, [], learns_valid=True)
    assert run.fold_table(labelled[2])[0]["valid_r2"] is None


def test_wrong_predictions_are_refused(labelled):
    clips, groups, labels = labelled

    class Wrong(Counting):
        def fit(self, train, valid):
            return Constant(np.full(19, np.nan), {})

    with pytest.raises(ValueError, match="not finite"):
        run_protocol(
            lambda seed: Wrong(labels, [], seed), clips, labels, "groups", 1, groups_N=groups
        )


def linear_table(clips=90, columns=6, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((clips, columns))
    weights = generator.standard_normal((columns, 19))
    labels = 1 / (1 + np.exp(-0.4 * values @ weights))
    return values, labels, np.repeat(np.arange(clips // 5), 5)


@pytest.mark.parametrize(("kind", "least"), [("kernel-ridge", 0.5), ("extra-trees", 0.15)])
def test_references_learn_and_look_at_nothing_else(kind, least, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr("partimento.tasks.critique.references.TREES", 60)
    monkeypatch.setattr("partimento.tasks.critique.references._INNER_TREES", 10)
    values, labels, groups = linear_table()
    train, valid, test = np.arange(50), np.arange(50, 60), np.arange(60, 90)
    fitted = Reference(kind, values, labels, groups).fit(train, valid)
    predicted = fitted.predict(test)
    assert r2_mean(labels[test], predicted) > least
    assert ((predicted >= 0) & (predicted <= 1)).all()
    # Other test labels, other test statistics while learning: the same model.
    spoilt_labels, spoilt = labels.copy(), values.copy()
    spoilt_labels[test], spoilt[test] = 0.123, 1e6
    again = Reference(kind, spoilt, spoilt_labels, groups).fit(train, valid)
    unspoilt = FittedTable(again.model, again.standard, values)
    np.testing.assert_array_equal(unspoilt.predict(test), predicted)
    assert again.facts == fitted.facts


def test_missing_statistics_are_filled_from_training():
    values = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, np.inf], [np.nan, np.nan, 7.0]])
    standard = Standard.fit(values)
    found = standard.apply(np.array([[np.nan, 2.0, 1e9]]))
    assert standard.median.tolist() == [2.0, 0.0, 6.0]
    assert found[0, 0] == 0.0 and np.isfinite(found).all() and found[0, 2] <= 5.0
    assert np.isnan(values[0, 1]), "the given table is left as it is"


def test_inner_folds_keep_groups_whole():
    groups = np.array([7, 7, 7, 1, 1, 2, 3, 4])
    folds = inner_folds(groups, 4)
    assert sorted(np.concatenate([out for _, out in folds]).tolist()) == list(range(8))
    for learnt, out in folds:
        assert not set(groups[learnt]) & set(groups[out])
    assert inner_folds(np.zeros(5, dtype=np.int64), 4) == []
    assert len(inner_folds(np.array([0, 1]), 4)) == 2

"""Clips, labels and ratings in the layout of PercePiano, and the groups that share notes."""

import dataclasses
import json

import numpy as np
import pytest

from made_performances import another_take, joined, random_piece, write_notes
from partimento.core.errors import DataError, InputFileError
from partimento.music.percepiano import (
    passage_groups,
    read_clips,
    read_deviations,
    read_labels,
    read_ratings,
)

ROW = [0.5] * 19


@pytest.fixture
def folder(tmp_path):
    """Two passages of eight bars, the sixteen bars that hold them, and another work."""
    first, second, other = (random_piece(k, notes=70) for k in range(3))
    music = {
        "Someone_A_8bars_{}_01": first,
        "Someone_A_8bars_{}_02": second,
        "Someone_A_16bars_{}_01": joined(first, second, gap=30),
        "Other_B_var3_8bars_{}_7": other,
    }
    for name, notes in music.items():
        write_notes(notes, tmp_path / "score_midi" / f"{name.format('Score')}.mid")
        for performer in (1, 2):
            take = another_take(notes, performer)
            write_notes(take, tmp_path / "performances" / f"{name.format(performer)}.mid")
    return tmp_path


def names(groups, clips):
    return {
        frozenset(c.passage for c, g in zip(clips, groups, strict=True) if g == group)
        for group in groups
    }


def test_clips_are_named_and_find_their_scores(folder):
    (folder / "score_xml").mkdir()
    (folder / "score_xml" / "someone_A_8bars_Score_1.musicxml").write_text("<x/>")
    clips = {clip.key: clip for clip in read_clips(folder)}
    assert len(clips) == 8
    clip = clips["Someone_A_8bars_1_01"]
    assert (clip.work, clip.passage, clip.performer) == ("Someone_A", "Someone_A_8bars_01", "1")
    assert (clip.bars, clip.deadpan) == (8, False)
    assert clip.score_midi.name == "Someone_A_8bars_Score_01.mid"
    assert clip.score.name == "someone_A_8bars_Score_1.musicxml"
    assert clips["Other_B_var3_8bars_2_7"].work == "Other_B"
    assert clips["Other_B_var3_8bars_2_7"].score is None
    assert read_clips(folder.parent / folder.name / "performances")[0].score_midi is None


def test_odd_names_break_nothing(tmp_path):
    inside = tmp_path / "archive" / "performances"
    for name in (" A_4bars_Score2_3", "my take", "._hidden", "x_y"):
        write_notes(random_piece(1, notes=20), inside / f"{name}.MID")
    clips = {clip.key: clip for clip in read_clips(tmp_path)}
    assert set(clips) == {"A_4bars_Score2_3", "my take", "x_y"}
    assert clips["A_4bars_Score2_3"].deadpan and clips["A_4bars_Score2_3"].bars == 4
    odd = clips["my take"]
    assert (odd.work, odd.passage, odd.performer, odd.bars) == ("my take", "my take", "", 0)


def test_folders_without_performances_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_clips(tmp_path / "none")
    with pytest.raises(DataError, match="no performances"):
        read_clips(tmp_path)
    (tmp_path / "clips.tar.xz").write_bytes(b"x")
    with pytest.raises(DataError, match="still packed"):
        read_clips(tmp_path)
    for name in "ab":
        write_notes(random_piece(1, notes=20), tmp_path / name / "performances" / "x.mid")
    with pytest.raises(DataError, match="several folders"):
        read_clips(tmp_path)


def test_labels_are_read_without_the_pianist(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({" spaced": [*ROW, 15.0], "a": [0, *ROW[1:]]}))
    labels = read_labels(file)
    assert set(labels) == {"spaced", "a"}
    assert labels["spaced"].shape == (19,) and labels["a"][0] == 0.0
    assert set(read_deviations(file)) == set(labels)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1]", "no table"),
        ("{}", "no table"),
        ("{", "no JSON"),
        (json.dumps({"a": ROW[:5]}), "no 19 numbers"),
        (json.dumps({"a": ["x", *ROW]}), "no 19 numbers"),
        (json.dumps({"a": [True, *ROW]}), "no 19 numbers"),
        (json.dumps({"a": [1.5, *ROW]}), "outside 0..1"),
        ('{"a": [NaN' + ", 0.5" * 18 + "]}", "outside 0..1"),
    ],
)
def test_other_labels_are_refused(tmp_path, content, words):
    file = tmp_path / "labels.json"
    file.write_text(content)
    with pytest.raises(DataError, match=words):
        read_labels(file)


def test_missing_labels_are_an_input_error(tmp_path):
    with pytest.raises(InputFileError, match="does not exist"):
        read_labels(tmp_path / "none.json")


def ratings_csv(path, rows):
    head = ["user", "filename", *(f"Question_{k}" for k in range(20)), "message"]
    lines = [",".join(head)]
    lines += [",".join([user, file, *map(str, answers), "", ""]) for user, file, answers in rows]
    path.write_text("\n".join(lines))
    return path


def test_ratings_drop_rows_that_are_no_answers(tmp_path):
    rows = [
        ("u1", "a.wav", [7.0] * 19),
        ("u2", "a.wav", [0.0] + [1.0] * 18),
        ("u3", " a.wav", [8.0] + [1.0] * 18),
        ("u4", "b.wav", ["word"] + [3.0] * 18),
    ]
    ratings = read_ratings(ratings_csv(tmp_path / "r.csv", rows))
    assert ratings.clips == ("a", "a", "b")
    assert ratings.raters == ("u1", "u2", "u4")
    assert ratings.values.shape == (3, 19)
    np.testing.assert_allclose(ratings.values[0], 1.0)
    assert np.isnan(ratings.values[1, 0]) and np.isnan(ratings.values[2, 0])
    np.testing.assert_allclose(ratings.values[2, 1:], 3 / 7)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="needs user, filename"):
        read_ratings(tmp_path / "bad.csv")


def test_passages_that_hold_others_share_a_group(folder):
    clips = read_clips(folder)
    groups = passage_groups(clips)
    assert groups.dtype == np.int64 and groups[0] == 0
    assert names(groups, clips) == {
        frozenset({"Someone_A_8bars_01", "Someone_A_8bars_02", "Someone_A_16bars_01"}),
        frozenset({"Other_B_var3_8bars_7"}),
    }
    alone = [dataclasses.replace(clip, score_midi=None) for clip in clips]
    assert names(passage_groups(alone), alone) == names(groups, clips)
    mixed = [dataclasses.replace(c, score_midi=None) if c.bars == 16 else c for c in clips]
    assert names(passage_groups(mixed), mixed) == names(groups, clips)


def test_identical_files_share_a_group(folder):
    copy = folder / "performances" / "Other_B_var4_8bars_1_8.mid"
    copy.write_bytes((folder / "performances" / "Someone_A_8bars_1_01.mid").read_bytes())
    clips = read_clips(folder)
    # A score of other music, so that only the bytes tell.
    write_notes(random_piece(9), folder / "score_midi" / "Other_B_var4_8bars_Score_8.mid")
    clips = read_clips(folder)
    group = dict(zip((c.passage for c in clips), passage_groups(clips).tolist(), strict=True))
    assert group["Other_B_var4_8bars_8"] == group["Someone_A_16bars_01"]
    assert group["Other_B_var3_8bars_7"] != group["Someone_A_16bars_01"]


def test_an_unreadable_file_is_a_passage_of_its_own(folder):
    (folder / "performances" / "broken.mid").write_bytes(b"MThd")
    clips = read_clips(folder)
    groups = passage_groups(clips)
    assert (groups == groups[[c.key for c in clips].index("broken")]).sum() == 1
    assert len(passage_groups([])) == 0


@pytest.fixture(scope="module")
def percepiano(data_dir, tmp_path_factory):
    if not (data_dir / "percepiano" / "clips.tar.xz").is_file():
        pytest.skip("no PercePiano in the data folder")
    import tarfile

    target = tmp_path_factory.mktemp("percepiano")
    with tarfile.open(data_dir / "percepiano" / "clips.tar.xz") as archive:
        archive.extractall(target, filter="data")
    return target


def test_the_published_clips_and_their_groups(percepiano, data_dir):
    clips = read_clips(percepiano)
    labels = read_labels(data_dir / "percepiano" / "labels_mean.json")
    assert len(clips) == 833 and {c.key for c in clips} == set(labels)
    assert sum(c.deadpan for c in clips) == 86
    assert all(c.score and c.score_midi for c in clips)
    groups = passage_groups(clips)
    assert len({c.passage for c in clips}) == 72 and int(groups.max()) + 1 == 26
    place = {clip.key: int(group) for clip, group in zip(clips, groups, strict=True)}
    eight, sixteen = "Schubert_D960_mv2_8bars_0_05", "Schubert_D960_mv2_16bars_0_03"
    assert place[eight] == place[sixteen], "these two files are the same"
    human = [dataclasses.replace(c, score=None, score_midi=None) for c in clips if not c.deadpan]
    known = np.array([place[c.key] for c in human])
    alone = passage_groups(human)
    assert len(np.unique(np.stack([known, alone]), axis=1).T) == 26, "scores or not, same groups"


def test_the_published_labels_are_the_means_of_the_rows(data_dir):
    folder = data_dir / "percepiano"
    if not folder.is_dir():
        pytest.skip("no PercePiano in the data folder")
    labels, ratings = read_labels(folder / "labels_mean.json"), read_ratings(folder / "ratings.csv")
    keys = np.array(ratings.clips)
    for key, mean in labels.items():
        np.testing.assert_allclose(np.nanmean(ratings.values[keys == key], axis=0), mean, atol=1e-9)

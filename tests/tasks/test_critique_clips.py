"""From words to clips: folders, globs, scores that lie near."""

import pytest

from partimento.core.errors import InputFileError
from partimento.tasks.critique.clips import find_clips, find_score


@pytest.fixture
def archive(tmp_path):
    """Two performances and a deadpan of one passage, in the layout of the archive."""
    for name in ("P_1_8bars_3_15", "P_1_8bars_12_15", "P_1_8bars_Score_15", "P_1_8bars_3_16"):
        touch(tmp_path / "performances" / f"{name}.mid")
    touch(tmp_path / "score_xml" / "P_1_8bars_Score_15.musicxml")
    touch(tmp_path / "score_midi" / "P_1_8bars_Score_15.mid")
    touch(tmp_path / "score_midi" / "P_1_8bars_Score2_16.mid")
    return tmp_path


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_archive(archive):
    clips = find_clips(archive)
    assert [clip.performance.stem for clip in clips] == [
        "P_1_8bars_12_15",
        "P_1_8bars_3_15",
        "P_1_8bars_3_16",
        "P_1_8bars_Score_15",
    ]
    assert clips[0].score.name == "P_1_8bars_Score_15.musicxml"
    assert clips[0].score_midi.name == "P_1_8bars_Score_15.mid"
    assert clips[2].score is None and clips[2].score_midi.name == "P_1_8bars_Score2_16.mid"
    assert find_clips(archive / "performances") == clips
    assert find_clips([str(archive / "performances" / "*_15.mid")]) == [clips[i] for i in (0, 1, 3)]


def test_a_score_beside_the_performance(tmp_path):
    clip = find_score(touch(tmp_path / "a.mid"))
    assert clip.score is None and clip.score_midi is None
    touch(tmp_path / "a.mxl")
    assert find_score(tmp_path / "a.mid").score == tmp_path / "a.mxl"
    assert find_score(touch(tmp_path / "b_1_2.mid")).score is None


def test_a_named_score_goes_with_all(archive):
    score = touch(archive / "s.musicxml")
    clips = find_clips(archive, score)
    assert {clip.score for clip in clips} == {score}
    assert {clip.score_midi for clip in clips} == {None}
    midi = touch(archive / "s.mid")
    assert {(c.score, c.score_midi) for c in find_clips(archive, midi)} == {(None, midi)}


def test_a_folder_of_scores(tmp_path):
    played = touch(tmp_path / "p" / "a.mid"), touch(tmp_path / "p" / "b.mid")
    touch(tmp_path / "scores" / "a.xml")
    first, second = find_clips(played, tmp_path / "scores")
    assert first.score == tmp_path / "scores" / "a.xml" and second.score is None


def test_each_file_once_and_in_order(archive):
    one = archive / "performances" / "P_1_8bars_3_16.mid"
    clips = find_clips([one, archive, str(one)])
    assert clips[0].performance == one
    assert len(clips) == 4


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputFileError, match="no MIDI file"):
        find_clips(tmp_path)
    with pytest.raises(InputFileError, match="matches this pattern"):
        find_clips(str(tmp_path / "*.mid"))
    with pytest.raises(InputFileError, match="no performance is named"):
        find_clips([])
    with pytest.raises(InputFileError, match="score does not exist"):
        find_clips(touch(tmp_path / "a.mid"), tmp_path / "none.musicxml")
    # A file that does not exist is for the reader to complain about.
    assert find_clips(tmp_path / "none.mid")[0].performance == tmp_path / "none.mid"

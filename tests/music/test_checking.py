from fractions import Fraction

import numpy as np
import pytest

from partimento.core.errors import InputFileError
from partimento.music.checking import check
from partimento.music.files import write_score
from partimento.music.gridscore import grid_to_score


def chords(*rows):
    return grid_to_score(np.repeat(np.array(rows), 4, axis=0))


CLEAN = chords((72, 67, 64, 48), (71, 67, 62, 55), (72, 67, 64, 48))
PARALLEL = chords((72, 67, 64, 48), (74, 69, 65, 50))


def test_a_file_and_its_score_give_the_same_findings(tmp_path):
    file = tmp_path / "parallel.musicxml"
    write_score(PARALLEL, file)
    assert check(file).counts() == check(PARALLEL).counts()


def test_parallels_are_rows_with_bar_beat_and_voices():
    rows = check(PARALLEL).report()
    octaves = [row for row in rows if row["rule"] == "parallel-octaves"]
    assert octaves
    (row,) = octaves
    assert (row["bar"], row["beat"], row["onset_quarter"]) == ("1", 2.0, 1.0)
    assert len(row["voices"]) == 2
    assert all(isinstance(row["message"], str) and row["message"] for row in rows)


def test_a_clean_progression_has_no_error():
    assert not [row for row in check(CLEAN).report() if row["severity"] == "error"]


def test_counts_add_up():
    report = check(PARALLEL)
    assert sum(report.counts().values()) == len(report.findings) > 0
    assert all(isinstance(f.onset_quarter, Fraction) for f in report.findings)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputFileError, match="does not exist"):
        check(tmp_path / "none.xml")

import os

import pytest

from partimento.core.errors import InputFileError
from partimento.core.limits import read_limited, size_text


def test_reads_up_to_the_limit(tmp_path):
    file = tmp_path / "a.mid"
    file.write_bytes(b"x" * 10)
    assert read_limited(file, 10) == b"x" * 10
    with pytest.raises(InputFileError, match="larger than the 9 bytes"):
        read_limited(file, 9)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(InputFileError, match=r"nothing\.mid: this file does not exist"):
        read_limited(tmp_path / "nothing.mid", 10)
    with pytest.raises(InputFileError, match="folder"):
        read_limited(tmp_path, 10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mid")
    with pytest.raises(InputFileError, match="not a plain file"):
        read_limited(tmp_path / "pipe.mid", 10)


def test_a_name_with_a_zero_byte_is_a_clean_error():
    with pytest.raises(InputFileError):
        read_limited("a\0b", 10)


def test_size_text():
    assert [size_text(n) for n in (1, 1500, 2_000_000)] == ["1 bytes", "1.5 kB", "2.0 MB"]

import os
import time
from pathlib import Path

import pytest

from partimento.core.errors import InputFileError, MusicError
from partimento.core.sandbox import run_guarded

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits are POSIX")


@pytest.fixture(autouse=True)
def _targets_importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def guarded(name, payload=b"", **options):
    arguments = options.pop("args", {})
    return run_guarded(f"sandbox_targets:{name}", payload, arguments, what="tune.mid", **options)


def test_result_comes_back_untouched_by_prints():
    big = bytes(range(256)) * 4000
    assert guarded("reverse", big, args={"tail": "é"}) == big[::-1] + "é".encode()


def test_the_users_mistake_is_passed_on():
    with pytest.raises(MusicError) as caught:
        guarded("user_mistake")
    assert str(caught.value) == "bar 3: too many voices. Remove one."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("parser_error", r"tune\.mid: it cannot be read \(ValueError: bad byte\)"),
        ("crash", "crashed on it .*SIGFPE"),
        ("hog", "more memory"),
        ("leave", "crashed"),
    ],
)
def test_failures_become_one_sentence(name, message):
    with pytest.raises(InputFileError, match=message):
        guarded(name)


@pytest.mark.parametrize("name", ["spin", "sleep"])
def test_a_hang_is_stopped(name):
    start = time.monotonic()
    with pytest.raises(InputFileError, match="longer than 1 s"):
        guarded(name, seconds=1)
    assert time.monotonic() - start < 10


def test_the_child_writes_no_file(tmp_path):
    with pytest.raises(InputFileError):
        guarded("write_file", args={"path": str(tmp_path / "x")})
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size == 0


def test_a_module_in_the_working_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert guarded("reverse", b"ab", args={"tail": ""}) == b"ba"


def test_an_unknown_target_is_a_programming_error():
    with pytest.raises(RuntimeError, match="no function"):
        guarded("nothing_here")

"""Every code block of the documentation runs, in order, in a fresh folder for each page."""

import subprocess

import pytest

from executed_pages import ROOT, Block, blocks, fences, first_missing, judge, run_block
from warm_commands import warm

PAGES = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("tasks/*/README.md")]
BLOCKS = [block for page in sorted(PAGES) for block in blocks(page)]
TAGS = {"bash", "python", "text", "console", "yaml", "json", "toml"}
"""What a block may be; `console` is for what is shown and not run."""
TUTORIALS = ("musician", "teacher", "failing-model", "own-data")


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    with warm(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Page -> its folder, with the recipes of the project beside it as in a clone."""
    folders = {}

    def folder(page):
        if page not in folders:
            folders[page] = tmp_path_factory.mktemp("reader")
            (folders[page] / "recipes").symlink_to(ROOT / "recipes")
        return folders[page]

    return folder


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block, folder_of, programs):
    judge(block, run_block(block, folder_of(block.page), [programs]))


def test_the_tutorials_have_blocks_and_show_output():
    for name in TUTORIALS:
        own = [block for block in BLOCKS if block.page == f"docs/tutorials/{name}.md"]
        assert len(own) >= 5
        assert any(block.shown for block in own)


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_have_known_tags(page):
    for line, tag, _ in fences(page.read_text(encoding="utf-8")):
        assert not tag or tag in TAGS, f"{page.name}:{line}: {tag}"


def test_what_is_shown_must_be_printed():
    printed = "one\ntwo\nthree\n"
    assert first_missing("one\n...\nthree\n", printed) is None
    assert first_missing("three\none\n", printed) == "one"
    assert first_missing("four\n", printed) == "four"
    assert first_missing("tw...\nthree\n", printed) is None
    assert first_missing("tw\n", printed) == "tw"
    block = Block("page", 1, "bash", "echo one", "two\n")
    with pytest.raises(AssertionError, match="not printed: 'two'"):
        judge(block, subprocess.CompletedProcess([], 0, "one\n", ""))


def test_warm_programs_are_the_real_ones(tmp_path, programs):
    (tmp_path / "file.py").write_text("import sys\nprint(sys.argv[1])\nsys.exit(3)\n")
    text = (
        "partimento --version\n"
        "partimento check nothing.mid || echo $?\n"
        "python file.py word || echo $?\n"
        "echo given | python -c 'print(input())'\n"
        "python -c 'import os; os.kill(os.getpid(), 9)' || echo $?\n"
    )
    run = run_block(Block("page", 1, "bash", text, None), tmp_path, [programs])
    lines = run.stdout.splitlines()
    assert lines[0].startswith("partimento ")
    assert lines[1:] == ["2", "word", "3", "given", "137"]
    assert "error: nothing.mid: " in run.stderr

"""Every code block of the README runs, in order, in one folder.

The first and the last block start from cold, as a reader's do; between them only the imports are
saved (:mod:`warm_commands`), which is minutes.
"""

import json

import numpy as np
import pytest

from executed_pages import ROOT, blocks, fences, judge, run_block
from warm_commands import warm

README = ROOT / "README.md"
BLOCKS = blocks(README)
COLD = (BLOCKS[0], BLOCKS[-1])


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A folder with what the README speaks of: the recipes, and a data file (here a tiny one)."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "recipes").symlink_to(ROOT / "recipes")
    (folder / "chorales.json").write_text(json.dumps(tiny_data()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    with warm(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


def tiny_data():
    """Four-part frames in the canonical form: chords of C major drawn with a fixed seed."""
    generator = np.random.default_rng(0)
    chords = [(72, 67, 64, 48), (74, 67, 59, 43), (69, 65, 60, 41), (71, 67, 62, 55)]
    lengths = {"train": 6, "valid": 2}

    def piece():
        order = generator.integers(len(chords), size=24)
        return [list(chords[i]) for i in order for _ in range(4)]

    return {split: [piece() for _ in range(count)] for split, count in lengths.items()}


def test_the_readme_names_the_two_commands():
    found = fences(README.read_text(encoding="utf-8"))
    assert [text for _, tag, text in found if not tag] == ["make demo\nmake test\n"]
    assert {tag for _, tag, _ in found if tag} <= {"bash", "python", "text"}
    assert {block.kind for block in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block(block, reader, programs):
    judge(block, run_block(block, reader, [] if block in COLD else [programs]))

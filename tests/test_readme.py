"""Every code block of the README runs, in order, in one folder, as a reader would run it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
RUN = [(kind, text) for kind, text in BLOCKS if kind]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A folder with what the README speaks of: the recipes, and a data file (here a tiny one)."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "recipes").symlink_to(ROOT / "recipes")
    (folder / "chorales.json").write_text(json.dumps(tiny_data()), encoding="utf-8")
    return folder


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
    plain = [text for kind, text in BLOCKS if not kind]
    assert plain == ["make demo\nmake test\n"]
    assert {kind for kind, _ in RUN} == {"bash", "python"}


@pytest.mark.parametrize("number", range(len(RUN)))
def test_block(number, reader):
    kind, text = RUN[number]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PARTIMENTO_HOME": str(reader / "home"),
    }
    command = (
        ["bash", "-euo", "pipefail", "-c", text] if kind == "bash" else [sys.executable, "-c", text]
    )
    run = subprocess.run(
        command,
        cwd=reader,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    if kind == "bash":
        _json_lines_parse(text, run.stdout)


def _json_lines_parse(text, output):
    """Where every command of a block prints JSON, the output is nothing but JSON."""
    commands = [line for line in text.splitlines() if line.startswith("partimento ")]
    if not commands or not all("--json" in command for command in commands):
        return
    decoder, rest = json.JSONDecoder(), output.strip()
    for _ in commands:
        _, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()
    assert rest == ""

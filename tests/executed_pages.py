"""Pages whose code blocks are run: finding the blocks, running them, comparing what is shown.

A block with the tag ``bash`` or ``python`` is run, in the order of the page, in one folder.  A
block ``text`` right after it shows (part of) what it prints: its lines must occur in the real
output, in that order; a line ``...`` stands for what was left out, and so does ``...`` at the end
of a line.  Other tags are never run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("bash", "python")
SHOWN = "text"
GAP = "..."


@dataclass(frozen=True)
class Block:
    """A block that is run, and what the page shows of its output (None: nothing)."""

    page: str
    line: int
    kind: str
    text: str
    shown: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def fences(text: str) -> list[tuple[int, str, str]]:
    """All fenced blocks of a page: line of the fence, tag, text."""
    return [
        (text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that are run.

    Raises ValueError for an output that follows no block.
    """
    name = page.relative_to(ROOT).as_posix()
    found: list[Block] = []
    fresh = False
    for line, kind, text in fences(page.read_text(encoding="utf-8")):
        if kind == SHOWN:
            if not fresh:
                raise ValueError(f"{name}:{line}: output without a block before it")
            last = found.pop()
            found.append(Block(last.page, last.line, last.kind, last.text, text))
        elif kind in RUN:
            found.append(Block(name, line, kind, text, None))
        fresh = kind in RUN
    return found


def run_block(
    block: Block, folder: Path, programs: Sequence[Path] = (), timeout: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """Run a block in ``folder``; ``programs`` are folders that come first in PATH."""
    path = [*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PARTIMENTO_HOME": str(folder / "home"),
    }
    command = ["bash", "-euo", "pipefail", "-c"] if block.kind == "bash" else ["python", "-c"]
    return subprocess.run(
        ["/usr/bin/env", *command, block.text],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def judge(block: Block, run: subprocess.CompletedProcess[str]) -> None:
    """Assert that the block ended well and prints what the page shows."""
    assert run.returncode == 0, f"{block}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    assert "Traceback" not in run.stderr, f"{block}\n{run.stderr[-2000:]}"
    if block.shown is not None:
        missing = first_missing(block.shown, run.stdout + run.stderr)
        assert missing is None, f"{block}: not printed: {missing!r}\n{run.stdout[-3000:]}"
    if block.kind == "bash":
        json_only(block.text, run.stdout)


def first_missing(shown: str, output: str) -> str | None:
    """The first shown line that the output lacks or has in another place, or None."""
    rest = iter([line.rstrip() for line in output.splitlines()])
    for line in shown.splitlines():
        wanted = line.rstrip()
        if wanted.strip() in ("", GAP):
            continue
        if not any(_is(wanted, line) for line in rest):
            return wanted
    return None


def _is(wanted: str, line: str) -> bool:
    return line.startswith(wanted.removesuffix(GAP)) if wanted.endswith(GAP) else line == wanted


def json_only(text: str, output: str) -> None:
    """Where every command of a block prints JSON, the output is nothing but JSON."""
    commands = [line for line in text.splitlines() if line.startswith("partimento ")]
    if not commands or not all("--json" in command for command in commands):
        return
    decoder, rest = json.JSONDecoder(), output.strip()
    for _ in commands:
        _, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()
    assert rest == ""

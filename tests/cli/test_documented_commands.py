"""Every ``partimento ...`` that a document speaks of names a command and options that exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from partimento.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    {
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        # The log tells of commands as they were on their day; it is no reference.
        *((ROOT / "docs").rglob("*.md")),
        *((ROOT / "docs" / "notebooks").glob("*.ipynb")),
        *((ROOT / "src").rglob("README.md")),
        *((ROOT / "recipes").rglob("*.yaml")),
    }
    - {ROOT / "docs" / "log.md"}
)
ROOT_COMMAND = typer.main.get_command(app)
INLINE = re.compile(r"`(partimento [^`]+)`")
LINE = re.compile(r"^(?: {4,}|)[!%]?(?:[\w-]+=\S+ )*(partimento .+)$", re.MULTILINE)
NESTED = re.compile(r"(?:\|\||&&|;|\$\() *(partimento [^|&;)\n]+)")
ENDS = {"&", "|", "||", "&&", ";", ">", ">>", "2>", "<"}
LEFT_OUT = {"...", "…", "[OPTIONS]"}


def spoken(text):
    """Command lines of a document: in blocks, indented, after || and &&, and in inline code."""
    text = re.sub(r"\\\n\s*", " ", text)
    text = re.sub(r"^ *# ?", "", text, flags=re.MULTILINE)  # comments of recipes run over lines
    found = [*INLINE.findall(re.sub(r"\n\s*", " ", text))]
    found += LINE.findall(text) + NESTED.findall(text)
    return [re.sub(r"\s+#.*$", "", command).strip() for command in found]


def wrong(command):
    """What is wrong with a command line, or None."""
    words = []
    for word in shlex.split(command)[1:]:
        if word in ENDS:
            break
        words.append(word)
    here = ROOT_COMMAND
    while words and hasattr(here, "commands"):
        if words[0].startswith("-"):
            return _options(here, words)
        if words[0] not in here.commands:
            return f"no command {words[0]!r}"
        here = here.commands[words.pop(0)]
    return None if hasattr(here, "commands") else _options(here, words)


def _options(command, words):
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts)}
    positions = [p for p in command.params if p.param_type_name == "argument"]
    given, words = 0, [word for word in words if word not in LEFT_OUT]
    while words:
        word = words.pop(0)
        if word == "--help" or word == "--version":
            continue
        if word.startswith("-") and not re.fullmatch(r"-\d.*", word):
            name, _, value = word.partition("=")
            if name not in options:
                return f"no option {name}"
            if not value and not options[name].is_flag:
                if not words:
                    return f"{name} without a value"
                words.pop(0)
        else:
            given += 1
    if all(p.nargs != -1 for p in positions) and given > len(positions):
        return f"{given} arguments, {len(positions)} are taken"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.relative_to(ROOT).as_posix())
def test_every_command_exists(document):
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".ipynb":
        text = text.replace("\\n", "\n").replace('\\"', '"')
    problems = {c: wrong(c) for c in spoken(text) if not c.startswith("partimento is")}
    assert {c: why for c, why in problems.items() if why} == {}


def test_every_public_command_is_in_the_reference():
    reference = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in leaves(ROOT_COMMAND, ()):
        assert f"\n## partimento {name}\n" in reference, name


def leaves(command, path):
    if not hasattr(command, "commands"):
        return [" ".join(path)]
    return [name for key, sub in command.commands.items() for name in leaves(sub, (*path, key))]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("partimento check a.mid --json", None),
        ("partimento data leaks table.csv || echo no", None),
        ("partimento harmonise a.mid", "no command 'harmonise'"),
        ("partimento check a.mid --colour", "no option --colour"),
        ("partimento song TEXT -o", "-o without a value"),
        ("partimento parse one two", "2 arguments, 1 are taken"),
        ("partimento --version", None),
    ],
)
def test_wrong_commands_are_found(command, why):
    assert wrong(command) == why


def test_commands_are_found_wherever_they_stand():
    text = "Say `partimento check\nA`.\n\n    partimento demo\n\nx=1 || partimento parse B\n"
    assert spoken(text) == ["partimento check A", "partimento demo", "partimento parse B"]

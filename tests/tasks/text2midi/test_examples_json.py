"""Training examples of the source: in and out unchanged, hostile files refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_tunes import examples, pieces

from partimento.core.errors import DataError, InputFileError
from partimento.music.amt_tokens import UNK, text_of
from partimento.tasks.text2midi import examples_json
from partimento.tasks.text2midi.examples_json import (
    FIELDS,
    TrainingExample,
    example_of,
    parsed,
    read_examples,
    write_examples,
)

ROW: dict[str, Any] = {
    "midi_file": "lmd_full/1/1a.mid",
    "semantic_token_str": "SEMANTIC_TOKEN_3",
    "midi_event_sequence": ["TIME_ON_0", "NOTE_60", "DURATION_24"],
    "combined_sequence_for_amt": "SEMANTIC_TOKEN_3 TIME_ON_0 NOTE_60 DURATION_24",
}
WORDS = st.text(max_size=20)
ROWS = st.fixed_dictionaries(
    {
        "midi_file": WORDS,
        "semantic_token_str": WORDS,
        "midi_event_sequence": WORDS | st.lists(WORDS, max_size=4),
        "combined_sequence_for_amt": WORDS | st.lists(WORDS, max_size=4),
    },
    optional={"caption": WORDS, "score": st.floats(allow_nan=False, allow_infinity=False)},
)


def stored(folder: Path, value: Any, name: str = "in.json") -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(ROWS, max_size=3), st.sampled_from([".json", ".jsonl"]))
def test_what_comes_in_goes_out_unchanged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], ending: str
) -> None:
    folder = tmp_path_factory.mktemp("examples")
    found = read_examples(stored(folder, rows))
    write_examples(folder / f"out{ending}", found)
    again = read_examples(folder / f"out{ending}") if rows or ending == ".json" else []
    assert [dict(e.values) for e in again] == rows
    assert [list(e.values) for e in again] == [list(row) for row in rows], "in the same order"
    if ending == ".json":
        assert json.loads((folder / "out.json").read_text()) == rows


def test_tokens_become_an_example_and_come_back() -> None:
    for piece, example in zip(pieces(4), examples(4), strict=True):
        semantic, events = parsed(example)
        assert (semantic, events.tolist()) == (piece.semantic, piece.events[:-1].tolist())
        assert tuple(example.values) == FIELDS
        assert example.combined == f"{example.semantic} {example.events}"
    made = example_of("a.mid", 3, [36, 193, 284])
    assert dict(made.values) == {
        "midi_file": "a.mid",
        "semantic_token_str": "SEMANTIC_TOKEN_3",
        "midi_event_sequence": "TIME_ON_0 NOTE_60 DURATION_24",
        "combined_sequence_for_amt": "SEMANTIC_TOKEN_3 TIME_ON_0 NOTE_60 DURATION_24",
    }


def test_foreign_values_are_brought_onto_the_tables() -> None:
    words = "TIME_ON_500 NOTE_60 DURATION_5000"
    values = {**ROW, "midi_event_sequence": words}
    values["combined_sequence_for_amt"] = f"BOS SEMANTIC_TOKEN_3 {words} EOS"
    _, events = parsed(TrainingExample(values))
    assert text_of(events) == " ".join(
        [*["TIME_ON_96"] * 5, "TIME_ON_20", "NOTE_60", "DURATION_2592"]
    )
    assert UNK not in events


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("midi_event_sequence", "TIME_ON_0 VELOCITY_3", "no word"),
        ("semantic_token_str", "NOTE_60", "no semantic token"),
        ("semantic_token_str", "SEMANTIC_TOKEN_99", "semantic tokens"),
        ("combined_sequence_for_amt", "SEMANTIC_TOKEN_3 NOTE_60", "is not the semantic token"),
        ("combined_sequence_for_amt", "TIME_ON_0 NOTE_60 DURATION_24", "is not the semantic"),
    ],
)
def test_examples_of_another_scheme_are_told(field: str, value: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        parsed(TrainingExample({**ROW, field: value}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "JSON object"),
        ("{", "no JSON"),
        ('[{"midi_file": "a"}]', "fields are missing: semantic_token_str"),
        (json.dumps([{**ROW, "midi_file": 3}]), "midi_file is no text"),
        (json.dumps([{**ROW, "midi_event_sequence": [1]}]), "list of words"),
        (json.dumps([{**ROW, "midi_file": "a" * 5000}]), "longer than 4096"),
        ('[{"midi_file": "a", "midi_file": "b"}]', "stands twice"),
        ('[{"midi_file": NaN}]', "no JSON number"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_examples(stored(tmp_path, text))


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, [ROW] * 3)
    monkeypatch.setattr(examples_json, "MOST_EXAMPLES", 2)
    with pytest.raises(DataError, match="more than 2"):
        read_examples(path)
    monkeypatch.setattr(examples_json, "DATA_BYTES", 100)
    with pytest.raises(InputFileError, match="larger"):
        read_examples(path)
    with pytest.raises(InputFileError, match="does not exist"):
        read_examples(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "C:\\x"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    path = stored(tmp_path, {**ROW, "midi_file": name})
    (example,) = read_examples(path)
    assert example.midi_file == name
    assert parsed(example)[0] == 3
    write_examples(tmp_path / "out.json", [example])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.json", "out.json"]

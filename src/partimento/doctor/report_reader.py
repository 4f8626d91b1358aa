"""Numbers out of somebody's report: JSON, YAML, or text with "name: value" and tables.

The reader is forgiving: it takes the figures whose names it knows (:mod:`.report_names`) and
leaves everything else alone.  What it understood is told, so that nobody has to guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, InputFileError
from partimento.core.limits import check_regular
from partimento.doctor.report_names import SCOPED, canonical, value_of

LARGEST_BYTES = 5_000_000
"""A report is text that a person reads; nothing larger is opened."""

_MARK = re.compile(r"[*_`]{1,2}(?=\S)|(?<=\S)[*_`]{1,2}")
_PAIR = re.compile(r"^\s*(?:[-*+>]\s+)?(?:\d+[.)]\s+)?([A-Za-z][^:=|]{0,60}?)\s*[:=]\s*(\S.*?)\s*$")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_COUNTED = re.compile(
    r"\b(one|two|three|four|five|six|eight|ten|\d[\d,.]*\s*[kKmMbB]?)\s+"
    r"(live tokens|voices|channels|epochs|parameters|samples|sequences|clips|pieces|steps)\b"
)


@dataclass(frozen=True)
class Entry:
    """One figure as it was found."""

    scope: str
    """Part of the data ("train", "valid", "test"), or empty."""
    name: str
    """Canonical name."""
    value: float | str
    unit: str = ""
    row: str = ""
    """First cell of the table row, where it stood in a table of several models."""
    written: str = ""
    """As written, for the evidence."""


@dataclass
class Record:
    """Figures that belong together: of one model on one part of the data."""

    scope: str = ""
    row: str = ""
    values: dict[str, float | str] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    """Unit ("nats per token") -> loss, where the unit was written."""

    @property
    def title(self) -> str:
        """Words for a claim: " (valid, large)", or nothing."""
        parts = [part for part in (self.row, self.scope) if part]
        return f" ({', '.join(parts)})" if parts else ""

    def number(self, name: str) -> float | None:
        """The number under a canonical name."""
        value = self.values.get(name)
        return value if isinstance(value, float) else None

    def word(self, name: str) -> str:
        """The word under a canonical name; empty where there is none."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""


def read_report(path: str | Path) -> dict[str, Any]:
    """The report as :class:`partimento.doctor.case.Case` takes it: {"entries": [...], "text": ...}.

    Raises InputFileError for a file that is missing, too large or no text, and ConfigError for
    damaged JSON or YAML or a report without a single figure whose name is known.
    """
    file = Path(path)
    if check_regular(file) > LARGEST_BYTES:
        raise InputFileError("this report is larger than 5 MB", where=str(path))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputFileError("this report is no text", where=str(path)) from error
    entries = list(_entries(file, text))
    if not entries:
        names = "loss, perplexity, accuracy, steps, batch, epochs, parameters, size"
        raise ConfigError(
            "no figure was found in this report",
            where=str(path),
            fix=f"Write figures as `name: value` or in tables; names such as {names}",
        )
    return {"entries": [entry.__dict__ for entry in entries], "text": text[:20_000]}


def _entries(file: Path, text: str) -> Iterator[Entry]:
    if file.suffix.lower() == ".json":
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"this is no valid JSON ({error})", where=str(file)) from error
        yield from entries_of(values)
    elif file.suffix.lower() == ".jsonl":
        yield from entries_of(_last_row(text))
    elif file.suffix.lower() in (".yaml", ".yml"):
        try:
            yield from entries_of(load_yaml(file))
        except yaml.YAMLError as error:
            raise ConfigError("this is no valid YAML", where=str(file)) from error
    else:
        yield from entries_of_text(text)


def _last_row(text: str) -> dict[str, Any]:
    """All names of a metrics file with their last values."""
    merged: dict[str, Any] = {}
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            part = "train_" if row.get("kind") == "train" else ""
            merged |= {
                (part + name if canonical(part + name) else name): value
                for name, value in row.items()
            }
    return merged


def entries_of(values: Any, path: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Figures in nested data; a list of objects is a table."""
    if isinstance(values, Mapping):
        row = _row_name(values)
        for key, value in values.items():
            if isinstance(value, Mapping | list):
                yield from entries_of(value, (*path, str(key)))
            else:
                yield from _entry(path, str(key), value, row if path else "")
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for place, item in enumerate(values):
            if isinstance(item, Mapping):
                named = _row_name(item) or f"{place + 1}"
                for entry in entries_of(item, path):
                    yield Entry(**{**entry.__dict__, "row": entry.row or named})


def _row_name(values: Mapping[str, Any]) -> str:
    name = values.get("model", values.get("name", values.get("run")))
    return name if isinstance(name, str) else ""


def _entry(path: tuple[str, ...], key: str, value: Any, row: str) -> Iterator[Entry]:
    # The names above count: {"validation": {"loss": 1}} is a validation loss.
    for name in (key, f"{path[-1]} {key}" if path else ""):
        found = canonical(name) if name else None
        if found is None:
            continue
        scope = found[0] or next((c[0] for c in (canonical(f"{p} loss") for p in path) if c), "")
        read = value_of(found[1], value)
        if read is not None:
            scope = scope if found[1] in SCOPED else ""
            yield Entry(scope, found[1], read, found[2], row, str(value))
        return


def entries_of_text(text: str) -> Iterator[Entry]:
    """Figures in plain text or markdown: pairs, tables, and a few counted nouns in sentences."""
    lines = text.splitlines()
    block: list[list[str]] = []
    for line in [*lines, ""]:
        cells = _cells(line)
        if cells is not None:
            if not _RULE.match(line):
                block.append(cells)
            continue
        if block:
            yield from _table(block)
            block = []
        yield from _line(line)


def _cells(line: str) -> list[str] | None:
    """Cells of a table line, with bars or tabs between them; None for another line."""
    if line.count("|") >= 1 and (line.strip().startswith("|") or line.count("|") >= 2):
        return [_MARK.sub("", cell).strip() for cell in line.strip().strip("|").split("|")]
    if line.count("\t") >= 1 and line.strip():
        return [cell.strip() for cell in line.split("\t")]
    return None


def _table(rows: list[list[str]]) -> Iterator[Entry]:
    """Names in the first row (models below), or names in the first column (models beside)."""
    head, body = rows[0], rows[1:]
    across = [canonical(cell) for cell in head]
    down = [canonical(row[0]) for row in rows]
    if sum(one is not None for one in across[1:]) >= max(1, sum(d is not None for d in down[1:])):
        for row in body:
            named = row[0] if across[0] is None or across[0][1] == "model" else ""
            for place, found in enumerate(across[: len(row)]):
                if found is not None and (place or not named):
                    yield from _cell(found, row[place], named)
        return
    models = [cell if len(head) > 2 and down[0] is None else "" for cell in head]
    for row, found in zip(rows, down, strict=True):
        for place in range(1, len(row)):
            if found is not None:
                yield from _cell(found, row[place], models[place] if place < len(models) else "")


def _cell(found: tuple[str, str, str], written: str, row: str) -> Iterator[Entry]:
    value = value_of(found[1], written)
    if value is not None and found[1] != "model":
        yield Entry(found[0], found[1], value, found[2], row, written)


def _line(line: str) -> Iterator[Entry]:
    clean = _MARK.sub("", line)
    pair = _PAIR.match(clean)
    if pair:
        found = canonical(pair[1])
        value = value_of(found[1], pair[2]) if found else None
        if found and value is not None:
            unit = found[2] or _unit_behind(found[1], pair[2])
            yield Entry(found[0], found[1], value, unit, "", pair[2])
            return
    for piece in re.split(r"[,;]\s+", clean):
        inner = _PAIR.match(piece)
        found = canonical(inner[1]) if inner else None
        value = value_of(found[1], inner[2]) if found and inner else None
        if found and inner and value is not None:
            yield Entry(found[0], found[1], value, found[2], "", inner[2])
    for number, noun in _COUNTED.findall(clean.lower()):
        found = canonical(noun)
        value = value_of(found[1], number) if found else None
        if found and value is not None:
            yield Entry("", found[1], value, "", "", f"{number} {noun}")


def _unit_behind(name: str, written: str) -> str:
    """The unit in "2.8 nats per frame"."""
    if name not in SCOPED:
        return ""
    match = re.search(r"\b(nats?|bits?)\s*(?:per|/|a)\s*(token|note|frame|event|step)", written)
    return f"{match[1].rstrip('s')}s per {match[2]}" if match else ""


def records_of(report: Mapping[str, Any]) -> list[Record]:
    """Figures that belong together, of a read report or of plain numbers by name.

    Settings (steps, vocabulary) belong to every record.  A figure without a part of the data goes
    with the validation where that has none of its name, and else stands for itself.
    """
    given = report.get("entries")
    if isinstance(given, list):
        entries = [one if isinstance(one, Entry) else Entry(**one) for one in given]
    else:
        entries = list(entries_of(report))
    found: dict[tuple[str, str], Record] = {}
    for entry in entries:
        if entry.name in SCOPED or entry.row:
            key = (entry.row, entry.scope)
            found.setdefault(key, Record(entry.scope, entry.row))
            _take(found[key], entry)
    _settle(found)
    for record in found.values():
        for entry in entries:
            if entry.name not in SCOPED and entry.row in ("", record.row):
                _take(record, entry)
    if not found:
        found["", ""] = Record()
        for entry in entries:
            _take(found["", ""], entry)
    return list(found.values())


def _settle(found: dict[tuple[str, str], Record]) -> None:
    """Hand figures without a part of the data to the part that they most likely are of."""
    for row in {row for row, _ in found}:
        loose = found.get((row, ""))
        home = next((found[row, s] for s in ("valid", "test", "train") if (row, s) in found), None)
        if loose is None or home is None:
            continue
        missing = {n: v for n, v in loose.values.items() if n not in home.values}
        home.values |= missing
        if not any(n in SCOPED for n in loose.values if n not in missing):
            del found[row, ""]


def _take(record: Record, entry: Entry) -> None:
    if entry.name == "loss" and entry.unit and isinstance(entry.value, float):
        record.losses.setdefault(entry.unit, entry.value)
        if not entry.unit.startswith("perplexity"):
            record.values.setdefault("unit", entry.unit)
            record.values.setdefault("loss", entry.value)
        return
    record.values.setdefault(entry.name, entry.value)

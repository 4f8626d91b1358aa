"""The experiment journal: what was believed, changed and expected, and what came out.

A file of JSON lines that only grows.  Every line carries the hash of the one before it, so a line
that was changed or taken out later is noticed.  An expectation cannot be added once something was
observed; that is the point of the journal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, DataError
from partimento.core.expectation import Verdict, figure_name, judge, parse_expectation
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.runs import read_jsonl
from partimento.core.settings import differences

FILE = "journal.jsonl"
_FIRST = "0" * 64


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One experiment, as all its lines together tell it."""

    id: int
    date: str
    """When it was added, ISO 8601 in UTC."""
    round: int
    hypothesis: str
    change: str = ""
    expectations: tuple[str, ...] = ()
    late: bool = False
    """True where an expectation was written down after the run had begun."""
    observed: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Observations in words."""
    ruled_out: tuple[str, ...] = ()
    """Causes that the experiment showed to be none."""
    run: str = ""
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Configuration of the run, as it was when the run was named."""
    verdict: Verdict = "open"
    judged_by_hand: bool = False

    @property
    def has_observation(self) -> bool:
        """Whether anything was observed."""
        return bool(self.observed or self.notes or self.judged_by_hand)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, without the configuration."""
        names = [name for name in self.__dataclass_fields__ if name != "config"]
        return {name: plain(getattr(self, name)) for name in names}


class Journal:
    """A journal file; ``path`` may be the folder in which ``journal.jsonl`` lies or will lie.

    Raises DataError where the file was changed by other hands.
    """

    def __init__(self, path: str | Path = FILE) -> None:
        given = Path(path)
        self.path = given / FILE if given.is_dir() or not given.suffix else given
        self._lines = _checked(self.path)

    def entries(self, round: int | None = None) -> list[Entry]:
        """All entries in order, or those of one round."""
        found: dict[int, list[dict[str, Any]]] = {}
        for line in self._lines:
            found.setdefault(line["id"], []).append(line)
        made = [_entry(lines) for lines in found.values()]
        return [entry for entry in made if round is None or entry.round == round]

    def entry(self, id: int | None = None) -> Entry:
        """One entry; the last where no number is given.

        Raises ConfigError where there is none.
        """
        entries = self.entries()
        if not entries:
            raise ConfigError(
                "the journal has no entry", where=str(self.path), fix="Add one: journal add"
            )
        chosen = entries[-1:] if id is None else [one for one in entries if one.id == id]
        if not chosen:
            raise ConfigError(f"the journal has no entry {id}", where=str(self.path))
        return chosen[0]

    def add(
        self,
        hypothesis: str,
        *,
        change: str = "",
        expect: Sequence[str] = (),
        round: int | None = None,
        run: str | Path | None = None,
        now: datetime | None = None,
    ) -> Entry:
        """Begin an experiment; its round is that of the last entry unless it is given.

        Raises ConfigError for an empty hypothesis, and DataError for a run that is none.
        """
        if not hypothesis.strip():
            raise ConfigError("an entry needs a hypothesis", where="journal add")
        entries = self.entries()
        chosen = round if round is not None else (entries[-1].round if entries else 1)
        number = max((entry.id for entry in entries), default=0) + 1
        values = {"hypothesis": hypothesis, "change": change, "round": chosen, **_run_of(run)}
        self._append("add", number, values, now)
        for text in expect:
            self.expect(text, number, now=now)
        return self.entry(number)

    def expect(self, text: str, id: int | None = None, *, now: datetime | None = None) -> Entry:
        """Write down what should come out, before it does.

        Raises ConfigError where something was already observed, or nothing is expected.
        """
        entry = self.entry(id)
        if not text.strip():
            raise ConfigError("an expectation needs words", where="journal expect")
        if entry.has_observation:
            raise ConfigError(
                f"entry {entry.id} was already observed: what comes now is no expectation",
                where="journal expect",
                fix="Add a new entry for the next experiment",
            )
        self._append("expect", entry.id, {"text": text}, now)
        return self.entry(entry.id)

    def observe(
        self,
        id: int | None = None,
        *,
        figures: Mapping[str, float] | None = None,
        note: str = "",
        run: str | Path | None = None,
        verdict: Verdict | None = None,
        ruled_out: Sequence[str] = (),
        now: datetime | None = None,
    ) -> Entry:
        """Write down what came out: figures, words, the figures with which a run ended.

        A ``verdict`` by hand is for expectations in free words only.
        Raises ConfigError for an observation without content, a figure that was already observed
        with another value, and a verdict that the figures themselves give.
        """
        entry = self.entry(id)
        found = {**(_last_figures(Path(run)) if run is not None else {})}
        found |= {figure_name(name): float(value) for name, value in (figures or {}).items()}
        if not (found or note or verdict or ruled_out):
            raise ConfigError("nothing was observed", where="journal observe")
        self._refuse_rewriting(entry, found)
        by_figures = judge(list(entry.expectations), {**entry.observed, **found})
        if verdict is not None and by_figures != "open":
            raise ConfigError(
                f"the figures already say {by_figures}", where="journal observe --verdict"
            )
        values: dict[str, Any] = {"figures": found, "note": note, "ruled_out": list(ruled_out)}
        values |= {"verdict": verdict} if verdict is not None else {}
        values |= _run_of(run)
        self._append("observe", entry.id, values, now)
        return self.entry(entry.id)

    @staticmethod
    def _refuse_rewriting(entry: Entry, found: Mapping[str, float]) -> None:
        for name, value in found.items():
            if name in entry.observed and entry.observed[name] != value:
                raise ConfigError(
                    f"{name} was already observed as {entry.observed[name]:g}",
                    where="journal observe",
                    fix="Add a new entry for another run",
                )

    def diff(self, first: int, second: int) -> dict[str, tuple[Any, Any]]:
        """Setting -> its values in the runs of two entries, where they differ.

        Raises ConfigError for an entry without a run.
        """
        pair = [self.entry(number) for number in (first, second)]
        for entry in pair:
            if not entry.config:
                raise ConfigError(
                    f"entry {entry.id} names no run",
                    where="journal diff",
                    fix=f"journal observe {entry.id} --run DIR",
                )
        return differences(pair[0].config, pair[1].config)

    def _append(
        self, kind: str, number: int, values: Mapping[str, Any], now: datetime | None
    ) -> None:
        date = _text(now or datetime.now(UTC))
        before = self._lines[-1]["hash"] if self._lines else _FIRST
        line = {"kind": kind, "id": number, "date": date, **plain(dict(values)), "before": before}
        line["hash"] = _hash(line)
        lines = [*self._lines, line]
        # Rewritten as a whole and put in place at once: half a line would break the chain.
        write_atomic(self.path, "".join(json.dumps(one) + "\n" for one in lines))
        self._lines = lines


def _hash(line: Mapping[str, Any]) -> str:
    text = json.dumps({key: line[key] for key in sorted(line) if key != "hash"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(path: Path) -> list[dict[str, Any]]:
    """The lines of the file; DataError where the chain of hashes is broken."""
    lines, before = read_jsonl(path), _FIRST
    for number, line in enumerate(lines, start=1):
        if line.get("before") != before or line.get("hash") != _hash(plain(line)):
            raise DataError(
                "the journal was changed here: its hash does not fit",
                where=f"{path}, line {number}",
                fix="Put back the file as it was; a journal only grows",
            )
        before = line["hash"]
    return lines


def _entry(lines: Sequence[Mapping[str, Any]]) -> Entry:
    """All lines of one entry as one."""
    first = lines[0]
    values: dict[str, Any] = {"observed": {}, "notes": (), "ruled_out": (), "expectations": ()}
    begun = ""
    for line in lines:
        if line["kind"] == "expect":
            values["expectations"] += (line["text"],)
        if line["kind"] == "observe":
            values["observed"] |= line["figures"]
            values["notes"] += (line["note"],) if line["note"] else ()
            values["ruled_out"] += tuple(line["ruled_out"])
        values |= {key: line[key] for key in ("run", "config") if key in line}
        begun = str(line.get("begun") or begun)
    dates = [line["date"] for line in lines if line["kind"] == "expect"]
    by_hand = [line["verdict"] for line in lines if "verdict" in line]
    verdict = judge(list(values["expectations"]), values["observed"])
    return Entry(
        id=first["id"],
        date=first["date"],
        round=first["round"],
        hypothesis=first["hypothesis"],
        change=first["change"],
        late=bool(begun) and any(date > begun for date in dates),
        verdict=by_hand[-1] if by_hand and verdict == "open" else verdict,
        judged_by_hand=bool(by_hand),
        **values,
    )


def _run_of(run: str | Path | None) -> dict[str, Any]:
    """Place and configuration of a run folder; empty where none is given."""
    if run is None:
        return {}
    path = Path(run)
    if not (path / "config.yaml").is_file():
        raise DataError("this is no run folder: it has no config.yaml", where=str(path))
    config = load_yaml(path / "config.yaml")
    return {"run": str(path), "config": config, "begun": _begun(path)}


def _begun(run: Path) -> str:
    """When the run began, as in the lines: its command was written then; empty where unknown."""
    file = run / "command.txt"
    return _text(datetime.fromtimestamp(file.stat().st_mtime, UTC)) if file.is_file() else ""


def _text(moment: datetime) -> str:
    """ISO 8601 in UTC; such texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _last_figures(run: Path) -> dict[str, float]:
    """The numbers of the run's last row."""
    rows = read_jsonl(run / "metrics.jsonl")
    stops = [row for row in rows if row.get("kind") == "stop"] or rows
    last = stops[-1] if stops else {}
    return {
        figure_name(key): float(value)
        for key, value in last.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def journal_add(
    hypothesis: str,
    *,
    change: str = "",
    expect: Sequence[str] = (),
    round: int | None = None,
    run: str | Path | None = None,
    journal: str | Path = FILE,
) -> Entry:
    """See :meth:`Journal.add`."""
    return Journal(journal).add(hypothesis, change=change, expect=expect, round=round, run=run)


def journal_expect(expectation: str, id: int | None = None, *, journal: str | Path = FILE) -> Entry:
    """See :meth:`Journal.expect`."""
    return Journal(journal).expect(expectation, id)


def journal_observe(
    id: int | None = None,
    *,
    figures: Mapping[str, float] | None = None,
    note: str = "",
    run: str | Path | None = None,
    verdict: Verdict | None = None,
    ruled_out: Sequence[str] = (),
    journal: str | Path = FILE,
) -> Entry:
    """See :meth:`Journal.observe`."""
    return Journal(journal).observe(
        id, figures=figures, note=note, run=run, verdict=verdict, ruled_out=ruled_out
    )


def journal_list(*, round: int | None = None, journal: str | Path = FILE) -> list[Entry]:
    """See :meth:`Journal.entries`."""
    return Journal(journal).entries(round)


def journal_diff(
    first: int, second: int, *, journal: str | Path = FILE
) -> dict[str, tuple[Any, Any]]:
    """See :meth:`Journal.diff`."""
    return Journal(journal).diff(first, second)


__all__ = [
    "Entry",
    "Journal",
    "journal_add",
    "journal_diff",
    "journal_expect",
    "journal_list",
    "journal_observe",
    "parse_expectation",
]

"""What a critique gives back: a verdict per performance, ranks, a comparison; report and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.music.dimensions import DIMENSIONS, NAMES
from partimento.tasks.critique.drivers import Effects, marked_bars
from partimento.tasks.critique.extraction import Extracted
from partimento.tasks.critique.interface import ClipFiles, Verdict
from partimento.tasks.critique.words import Reading, caveats, read_score, summary


@dataclass(frozen=True, slots=True)
class Judged:
    """One performance and all that is said of it.

    ``ranks``: for each dimension the place among the given performances of the same passage, 1
    for the highest score; ``fellows`` their names; ``comparison`` with the other of two.
    ``border``: from this familiarity on a score is a grade; below it only ranks.
    """

    clip: ClipFiles
    found: Extracted
    verdict: Verdict
    effects: Effects
    learnt: np.ndarray
    name: str
    border: float
    fellows: tuple[str, ...] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    comparison: Mapping[str, Any] | None = None

    @property
    def familiar(self) -> bool:
        """Whether scores are grades: the critic learnt from something like this."""
        return self.verdict.familiarity >= self.border

    @property
    def shown(self) -> list[int]:
        """Places of the dimensions that get a score."""
        return [i for i, name in enumerate(NAMES) if name not in self.verdict.abstained]

    def score(self, dimension: str) -> float:
        """The score of a dimension, 0 to 1; NaN where the critic says nothing of it."""
        known = dimension not in self.verdict.abstained
        return float(self.verdict.mean[NAMES.index(dimension)]) if known else float("nan")

    def readings(self) -> dict[str, Reading]:
        """Each score beside the learnt ones."""
        v = self.verdict
        return {
            NAMES[i]: read_score(
                DIMENSIONS[i],
                float(v.mean[i]),
                float(v.low[i]),
                float(v.high[i]),
                self.learnt[:, i],
            )
            for i in self.shown
        }

    def bars(self) -> list[dict[str, Any]]:
        """The bars that matter most for all scores together."""
        return marked_bars(self.effects, self.verdict.high - self.verdict.low)

    def caveats(self) -> list[str]:
        """What to know before believing a score."""
        shown = [NAMES[i] for i in self.shown]
        return caveats(familiar=self.familiar, compared=bool(self.fellows), shown=shown)

    def summary(self) -> str:
        """One paragraph in plain words."""
        return summary(
            self.readings(),
            {NAMES[i]: self.effects.report(i) for i in self.shown},
            learnt=len(self.learnt),
            abstained=self.verdict.abstained,
            coverage=self.verdict.coverage,
        )

    def report(self, critic: str) -> dict[str, Any]:
        """Everything, as JSON data."""
        report: dict[str, Any] = {
            "input": str(self.clip.performance),
            "score": self.found.score,
            "score_match": _rounded(self.found.score_match),
            "critic": critic,
            "notes": len(self.found.notes),
            "seconds": round(self.found.seconds, 3),
            "summary": self.summary(),
            "scores": self._scores(),
            "abstained": dict(self.verdict.abstained),
            "drivers": {NAMES[i]: self.effects.report(i) for i in self.shown},
            "bars": self.bars(),
            "coverage": self.verdict.coverage,
            "familiarity": round(self.verdict.familiarity, 4),
            "graded": self.familiar,
            "learnt_from": len(self.learnt),
            "warnings": list(self.found.warnings),
            "notes_to_the_reader": self.caveats(),
        }
        if self.fellows:
            report["ranks"] = {
                name: {"rank": rank, "of": len(self.fellows) + 1}
                for name, rank in self.ranks.items()
            }
            report["same_passage"] = list(self.fellows)
        if self.comparison is not None:
            report["comparison"] = dict(self.comparison)
        return report

    def _scores(self) -> dict[str, dict[str, Any]]:
        readings, v = self.readings(), self.verdict
        return {
            NAMES[i]: {
                "mean": _rounded(float(v.mean[i])),
                "low": _rounded(float(v.low[i])),
                "high": _rounded(float(v.high[i])),
                "percentile": readings[NAMES[i]].percentile,
                "reading": readings[NAMES[i]].text,
                "low_pole": DIMENSIONS[i].low,
                "high_pole": DIMENSIONS[i].high,
            }
            for i in self.shown
        }


@dataclass(frozen=True, slots=True)
class Critique:
    """The result of one command: what was judged, what could not be, and the files written."""

    critic: str
    judged: tuple[Judged, ...]
    failed: tuple[tuple[Path, PartimentoError], ...] = ()
    files: tuple[Path, ...] = ()

    def report(self) -> dict[str, Any] | list[dict[str, Any]]:
        """The report of the one performance, or a list of those of several."""
        reports = self.reports()
        return reports[0] if len(reports) == 1 and not self.failed else reports

    def reports(self) -> list[dict[str, Any]]:
        """One report per judged performance."""
        return [one.report(self.critic) for one in self.judged]

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``report.json``, ``index.html`` and, of several performances, a page of each."""
        from partimento.tasks.critique.judge_page import overview_html, performance_html

        folder = Path(folder)
        report, index = folder / "report.json", folder / "index.html"
        pages: dict[Path, str] = {}
        if len(self.judged) == 1:
            pages[index] = performance_html(self.judged[0], self.critic, sound=True)
        elif self.judged:
            sound = len(self.judged) <= MOST_SOUNDS
            pages[index] = overview_html(self)
            for one in self.judged:
                pages[folder / f"{one.name}.html"] = performance_html(one, self.critic, sound=sound)
        rows = self.reports()
        failed = [
            {"input": str(path), "error": {"what": error.what, "message": error.text}}
            for path, error in self.failed
        ]
        data = {"performances": rows, "failed": failed, "files": [page.name for page in pages]}
        write_atomic(report, json.dumps(plain(data), indent=2, allow_nan=False) + "\n")
        for path, text in pages.items():
            write_atomic(path, text)
        return [report, *pages]


MOST_SOUNDS = 12
"""Pages of more performances come without sound: 30 s take 1.8 MB and a second of computing."""


def page_names(clips: Sequence[ClipFiles]) -> list[str]:
    """A name for each performance's page: its own, with a number where two are the same."""
    names: list[str] = []
    for clip in clips:
        stem = clip.performance.stem or "performance"
        name, number = stem, 2
        while name.lower() in {n.lower() for n in [*names, "index"]}:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""Replays of the diaries: one file says what was done wrong; it is done again and examined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from partimento.core.config import Config, load_config
from partimento.core.errors import ConfigError
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.doctor.finding import Finding
from partimento.selftest.faults import small_tasks
from partimento.selftest.outcome import Bench, Outcome, Request, run_one


class ReplayRecipe(Config):
    """One diary: what its author did, believed, and what the cause really was."""

    task: str = Field(description="small task: chorale, piano, critique, text2midi, audio2visual")
    title: str = Field(description="one line")
    believed: str = Field(description="what the diary accuses")
    cause: str = Field(description="what it really was, one sentence")
    codes: tuple[str, ...] = Field(min_length=1, description="findings that name this cause")
    settings: dict[str, bool | int | float | str | None] = Field(
        description="settings of the small task that differ from the healthy ones, by dotted name"
    )
    seed: int = Field(0, ge=0, description="seed of material, weights and order")


@dataclass(frozen=True, slots=True)
class Replay:
    """What the doctor said of a replayed diary."""

    recipe: ReplayRecipe
    sick: Outcome
    healthy: Outcome | None
    """None where no twin was asked for."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """In the order in which to read them."""
        return self.sick.findings

    @property
    def named_first(self) -> bool:
        """Whether the first finding is the true cause."""
        return bool(self.findings) and self.findings[0].code in self.recipe.codes

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        first = self.findings[0] if self.findings else None
        values: dict[str, Any] = plain(
            {
                "title": self.recipe.title,
                "task": self.recipe.task,
                "believed": self.recipe.believed,
                "cause": self.recipe.cause,
                "codes": self.recipe.codes,
                "first": None if first is None else first.code,
                "named_first": self.named_first,
                "figure": self.sick.figure,
                "healthy_figure": None if self.healthy is None else self.healthy.figure,
                "settings": self.recipe.settings,
                "seed": self.recipe.seed,
                "findings": [finding.to_dict() for finding in self.findings],
                "not_done": dict(self.sick.not_done),
            }
        )
        return values

    def text(self) -> str:
        """For people."""
        recipe = self.recipe
        lines = [
            recipe.title,
            f"believed     {recipe.believed}",
            f"cause        {recipe.cause}",
            f"held out     {self.sick.figure:.3f}"
            + (f" (healthy {self.healthy.figure:.3f})" if self.healthy is not None else ""),
            "",
        ]
        for number, one in enumerate(self.findings, start=1):
            lines += [
                f"{number}. {one.severity} {one.code}: {one.claim}",
                f"   remedy: {one.remedy}",
            ]
        verdict = "is the true cause" if self.named_first else "is NOT the true cause"
        return "\n".join([*lines, "", f"the first finding {verdict} ({', '.join(recipe.codes)})"])


def replay(recipe: str | Path, *, twin: bool = True, progress: Progress | None = None) -> Replay:
    """Train a diary's mistake in small, and with ``twin`` its healthy twin; examine both.

    Raises ConfigError for a recipe that names a task or a setting that there is not.
    """
    chosen = load_config(ReplayRecipe, recipe)
    tasks = small_tasks()
    if chosen.task not in tasks:
        raise ConfigError(
            f"there is no small task {chosen.task!r} (known: {', '.join(tasks)})",
            where=str(recipe),
        )
    task = tasks[chosen.task]
    _check_settings(chosen.settings, task.healthy, str(recipe))
    bench = Bench(tasks={chosen.task: task}, rethrow=True)
    found = []
    runs: list[dict[str, Any]] = [dict(chosen.settings), {}] if twin else [dict(chosen.settings)]
    for number, settings in enumerate(runs):
        if progress is not None:
            progress(number, len(runs), "healthy twin" if number else chosen.title)
        found.append(run_one(bench, Request.of(chosen.task, settings, chosen.seed)))
    return Replay(chosen, found[0], found[1] if twin else None)


def _check_settings(settings: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise ConfigError(f"the small task has no setting {', '.join(unknown)}", where=where)

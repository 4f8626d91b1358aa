"""One command over one or several files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from partimento.cli.output import describe, emit, note
from partimento.core.errors import PartimentoError
from partimento.core.plain import plain


class BatchError(PartimentoError):
    """Some of several inputs failed; their messages are already printed."""

    def __init__(self, failed: int, total: int) -> None:
        super().__init__(f"{failed} of {total} inputs failed", fix="The messages above say why")


def run_batch(
    files: Sequence[Path],
    work: Callable[[Path], dict[str, Any]],
    as_json: bool,
    text: Callable[[Any], str] = describe,
) -> None:
    """Do ``work`` for each file and print its report: one object, or a list for several files.

    ``text`` turns a report into lines for people.

    With several files one that fails does not stop the others; the failures are printed as they
    come, and a BatchError ends the command.
    """
    if len(files) == 1:
        report = work(files[0])
        emit(report, as_json, None if as_json else text(plain(report)))
        return
    reports: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        try:
            reports.append(work(file))
        except PartimentoError as error:
            failed += 1
            note(f"error: {_with_file(error, file)}")
            reports.append({"input": str(file), "error": error_fields(error)})
    done = [text(plain(report)) for report in reports if "error" not in report]
    emit(reports, as_json, None if as_json else "\n\n".join(done))
    if failed:
        raise BatchError(failed, len(files))


def error_fields(error: PartimentoError) -> dict[str, str]:
    """An error as JSON data."""
    return {
        "type": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "fix": error.fix,
        "message": error.text,
    }


def run_findings(
    files: Sequence[Path], work: Callable[[Path], list[dict[str, Any]]], as_json: bool
) -> None:
    """Print the findings of all files as one list; each names its file."""
    findings: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        try:
            found = work(file)
        except PartimentoError as error:
            if len(files) == 1:
                raise
            failed += 1
            note(f"error: {_with_file(error, file)}")
            continue
        findings += [{**finding, "file": str(file)} for finding in found]
        if not as_json:
            print(_finding_lines(file, found))
    if as_json:
        emit(findings, True)
    if failed:
        raise BatchError(failed, len(files))


def _finding_lines(file: Path, findings: Sequence[dict[str, Any]]) -> str:
    if not findings:
        return f"{file}: nothing to object to"
    head = f"{file}: {len(findings)} finding{'s' if len(findings) > 1 else ''}"
    return "\n".join([head, *(f"  {finding_line(finding)}" for finding in findings)])


def finding_line(finding: Mapping[str, Any]) -> str:
    """A voice-leading finding on one line: where, which voices, which rule, what is wrong."""
    place = f"bar {finding['bar']}, beat {finding['beat']:g}"
    voices = "-".join(finding["voices"])
    return f"{place:<18} {voices:<6} {finding['rule']}: {finding['message']}"


def _with_file(error: PartimentoError, file: Path) -> str:
    return error.text if str(file) in error.text else f"{file}: {error.text}"

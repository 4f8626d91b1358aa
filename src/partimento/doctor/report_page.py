"""One HTML page about an examination, for a reader who has never seen the project.

Self-contained and offline: see :mod:`partimento.render.page`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from partimento.core.files import write_atomic
from partimento.doctor.case import Case
from partimento.doctor.checks import Known
from partimento.doctor.evidence import evidence_parts, written
from partimento.doctor.examine import Examination
from partimento.doctor.finding import Finding
from partimento.doctor.glossary import WORDS, words_in
from partimento.doctor.report import (
    change_of,
    compared,
    counts,
    counts_text,
    figure,
    known_findings,
)
from partimento.doctor.run_curves import run_section
from partimento.render.drawing import (
    ALARM,
    INK,
    MUTED,
    SERIES_COLOURS,
    Drawing,
    Number,
    shortened,
)
from partimento.render.page import (
    Fact,
    FactsSection,
    Figure,
    FigureSection,
    MixedSection,
    Section,
    TableSection,
    TextSection,
    page_html,
)

_SEVERITY = {
    "severe": "Because of this the model cannot learn what it should.",
    "warning": "This hurts, or makes the figures mislead.",
    "info": "Worth knowing; nothing has to be done.",
}
_PARTS = {
    "rows": "the rows that the run wrote",
    "watched": "gradients and weights recorded during the run",
    "probe": "the trained model with held-out batches",
    "initial": "the model before training",
    "data": "the data set",
    "report": "the numbers in a report",
    "checkpoint": "the file of the weights",
    "samples": "generated pieces",
    "corpus": "the pieces it was trained on",
    "others": "other runs",
    "reference": "a named configuration to compare with",
    "config": "the recipe",
}
_KINDS = {
    "tokens": "the next token",
    "regression": "numbers",
    "embedding": "vectors",
    "classification": "classes",
}
_NEEDS = {
    "steps": "a model of sequences over time",
    "vocabulary": "a vocabulary of tokens",
    "rest_token": "a token for rests",
    "unknown_token": "a token for unknown symbols",
    "labels": "labels",
    "split": "parts for training and testing",
    "inputs": "the examples of the data set",
    "example_losses": "losses of single examples",
    "batches": "the trained model with held-out batches",
    "groups": "names of pieces or players",
    "naive_relative": "relative attention beside a slow twin",
    "swap_condition": "a way to exchange the prompts of examples",
    "swap_inputs": "a way to exchange the inputs of examples",
    "change_from": "a way to change inputs from a step on",
    "change_channel": "a way to change one channel",
    "classes": "classes of the examples",
    "optimizers": "the optimisers",
    "attention_taps": "recorded attention weights",
    "levels": "a hierarchy of levels",
    "part": "a way to take some examples of a batch",
    "padded": "a way to add padding",
    "rater_labels": "labels of several raters",
    "batch_classes_S": "the classes in each recorded batch",
    "live_tokens": "the number of tokens in use",
    **_PARTS,
}


def write_report_page(
    path: str | Path,
    examination: Examination,
    *,
    case: Case | None = None,
    known: Mapping[str, Known] | None = None,
) -> Path:
    """Write the page and return its path; see :func:`report_page_html`."""
    target = Path(path)
    write_atomic(target, report_page_html(examination, case=case, known=known))
    return target


def report_page_html(
    examination: Examination,
    *,
    case: Case | None = None,
    known: Mapping[str, Known] | None = None,
) -> str:
    """The page as text.

    ``case`` adds what was looked at and the curves of the run; ``known`` tells
    what each finding means; default: :func:`partimento.doctor.report.known_findings`.
    """
    titles = known_findings() if known is None else known
    headings = _headings(examination, titles)
    sections: list[Section] = [_summary(examination, case, headings)]
    if examination.findings:
        sections.append(_overview(examination, titles))
    for finding, heading in zip(examination.findings, headings, strict=True):
        sections.append(_finding_section(finding, heading, titles, examination, headings))
    run = run_section(case) if case is not None else None
    sections += [run] if run is not None else []
    sections += _looked_at(examination, headings)
    sections += _words(examination, titles, headings)
    title = f"Doctor: {examination.name}" if examination.name else "Doctor's report"
    return page_html(title, sections, lead=_lead(examination))


def _lead(examination: Examination) -> str:
    return f"{counts_text(examination.findings)}; {len(examination.done)} checks made."


def _headings(examination: Examination, titles: Mapping[str, Known]) -> list[str]:
    """One for each finding, all different."""
    return [
        f"{number}. {titles[f.code].title if f.code in titles else f.code}"
        for number, f in enumerate(examination.findings, start=1)
    ]


def _summary(examination: Examination, case: Case | None, headings: list[str]) -> MixedSection:
    facts = [Fact("Looked at", _subject(examination, case))]
    found = examination.findings
    facts.append(Fact("Verdict", _verdict(examination)))
    if found:
        facts.append(Fact("Wrong first", _sentence(found[0].claim), headings[:1]))
        facts.append(Fact("Do first", _sentence(found[0].remedy)))
        facts.append(Fact("Then", _then(len(found))))
    else:
        facts.append(Fact("Do", "Nothing. What could not be checked is told below."))
    text = (
        "The doctor looks at a model that is or was trained and says why it does not learn what it"
        " should. Each finding below tells what was measured, from which value on it counts as"
        " wrong and why, what rules out a harmless explanation, and what to do."
    )
    return MixedSection("In short", [TextSection("", [text]), FactsSection("", facts)])


def _subject(examination: Examination, case: Case | None) -> str:
    if case is None:
        return examination.name or "what the findings below tell"
    parts = [words for name, words in _PARTS.items() if _present(getattr(case, name))]
    predicts = f"predicts {_KINDS[case.kind]}"
    task = f" (task {case.task}, {predicts})" if case.task else f" ({predicts})"
    name = examination.name or case.name or "a model"
    return f"{name}{task}. There were {_listed(parts) or 'no parts at all'}."


def _present(value: object) -> bool:
    return value is not None and not (hasattr(value, "__len__") and not len(value))


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + "".join(parts[-1:])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def _verdict(examination: Examination) -> str:
    number = counts(examination.findings)
    if number["severe"]:
        things = "one thing keeps" if number["severe"] == 1 else f"{number['severe']} things keep"
        more = number["warning"]
        also = f"; {more} more {'is' if more == 1 else 'are'} worth mending" if more else ""
        return f"Sick: {things} it from learning what it should{also}."
    if number["warning"]:
        things = "one thing hurts" if number["warning"] == 1 else f"{number['warning']} things hurt"
        return f"Ailing: nothing stops it, but {things} or mislead{'s' * (number['warning'] == 1)}."
    extra = " There are notes worth reading." if examination.findings else ""
    return f"Healthy, as far as {len(examination.done)} checks can tell.{extra}"


def _then(count: int) -> str:
    if count == 1:
        return "Run again and examine again."
    return (
        "Run again and examine again before mending anything else: causes stand first, and findings"
        " further down are often their symptoms."
    )


def _overview(examination: Examination, titles: Mapping[str, Known]) -> TableSection:
    rows = [
        [
            number,
            finding.severity,
            titles[finding.code].title if finding.code in titles else "",
            compared(finding),
            f"{finding.confidence:.0%}",
            finding.code,
        ]
        for number, finding in enumerate(examination.findings, start=1)
    ]
    columns = ("", "severity", "finding", "measured", "how sure", "code")
    return TableSection("All findings", columns, rows, "In the order in which to read them.")


def _finding_section(
    finding: Finding,
    heading: str,
    titles: Mapping[str, Known],
    examination: Examination,
    headings: list[str],
) -> MixedSection:
    known = titles.get(finding.code)
    parts: list[TextSection | TableSection | FigureSection | FactsSection] = []
    said = [_sentence(finding.claim)]
    parts.append(TextSection("", said))
    if known is not None:
        parts.append(TextSection("", [f"What that means: {known.meaning}"]))
    bar = measured_svg(finding)
    if bar:
        parts.append(FigureSection("", [Figure(bar)]))
    facts = [
        Fact("Do this", _sentence(finding.remedy)),
        *_change_facts(finding),
        Fact("Checked against", _sentence(finding.control)),
        Fact("Threshold from", _sentence(finding.source)),
        Fact("How sure", f"{finding.confidence:.0%}"),
        Fact("Severity", f"{finding.severity}: {_SEVERITY[finding.severity]}"),
        Fact("Code", finding.code),
    ]
    symptoms = _symptoms(known, examination, headings)
    if symptoms:
        facts.append(Fact("May explain", "also found", symptoms))
    parts.append(FactsSection("", facts))
    evidence = evidence_parts(finding.evidence)
    if evidence:
        parts.append(TextSection("Evidence", []))
    return MixedSection(heading, [*parts, *evidence], finding.severity)


def _change_facts(finding: Finding) -> list[Fact]:
    change = change_of(finding)
    text = " ".join(f"--set {key}={written(value)}" for key, value in change.items())
    return [Fact("As settings", text)] if change else []


def _symptoms(known: Known | None, examination: Examination, headings: list[str]) -> list[str]:
    """Headings of findings that this one may explain."""
    if known is None:
        return []
    return [
        heading
        for finding, heading in zip(examination.findings, headings, strict=True)
        if finding.code in known.explains and finding.code != known.code
    ]


def measured_svg(finding: Finding, width: int = 640) -> str:
    """The figure as a bar with the threshold as a line across; empty where there is none."""
    threshold, measured = finding.threshold, finding.measured
    if threshold is None or not (math.isfinite(measured) and math.isfinite(threshold)):
        return ""
    log = min(measured, threshold) > 0.0 and max(measured, threshold) > 50 * min(
        measured, threshold
    )
    low, high = _ends(measured, threshold, log)

    def place(value: Number) -> float:
        share = (
            math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)
        )
        return 16 + share * (width - 32)

    says = f"measured {figure(measured)}, threshold {figure(threshold)} {finding.unit}"
    drawing = Drawing(width, 96, "Measured against the threshold", says)
    scale = ", logarithmic scale" if log else ""
    unit = shortened(f"{finding.unit}{scale}", width - 32, 11)
    drawing.text(16, 88, unit, size=11, colour=MUTED)
    start = place(low if log else min(max(0.0, low), high))
    wrong = finding.severity != "info" and measured != threshold
    colour = (
        ALARM if finding.severity == "severe" else SERIES_COLOURS[finding.severity == "warning"]
    )
    left, right = sorted((start, place(measured)))
    drawing.rect(16, 40, width - 32, 18, "#eef1f4", rx=3)
    if wrong:
        edge = place(threshold)
        begin, end = (edge, width - 16) if measured > threshold else (16, edge)
        drawing.rect(begin, 40, end - begin, 18, "#f9dcdc", rx=3)
    drawing.rect(left, 40, max(right - left, 3), 18, colour, rx=3)
    drawing.line(place(threshold), 32, place(threshold), 66, INK, 2)
    _label(drawing, place(measured), 26, f"measured {figure(measured)}", colour, width)
    side = f", wrong {'above' if measured > threshold else 'below'}" if wrong else ""
    _label(drawing, place(threshold), 76, f"threshold {figure(threshold)}{side}", INK, width)
    return drawing.svg()


def _label(drawing: Drawing, x: Number, y: Number, words: str, colour: str, width: Number) -> None:
    """Words beside a place, on the side where there is room."""
    near_end = x > width / 2
    drawing.text(
        x + (4 if near_end else -4) * (0 if 20 < x < width - 20 else 1),
        y,
        words,
        anchor="end" if near_end else "start",
        colour=colour,
        bold=True,
    )


def _ends(measured: float, threshold: float, log: bool) -> tuple[float, float]:
    """Ends of the scale, with a little room beyond both figures."""
    if log:
        return min(measured, threshold) / 2.0, max(measured, threshold) * 2.0
    low, high = min(0.0, measured, threshold), max(0.0, measured, threshold)
    room = 0.08 * (high - low) or 1.0
    return low - (room if low < 0.0 else 0.0), high + (room if high > 0.0 or low == high else 0.0)


def _looked_at(examination: Examination, headings: list[str]) -> list[Section]:
    """What was checked, and what could not be and why."""
    sections: list[Section] = []
    if examination.done:
        text = f"{len(examination.done)} checks were made: {', '.join(examination.done)}."
        rest = "Those that are not named above found nothing wrong."
        sections.append(TextSection("What was checked", [text, rest]))
    if examination.not_done:
        reasons: dict[str, list[str]] = {}
        for name, why in examination.not_done:
            reasons.setdefault(_why(why), []).append(name)
        rows = [[why, ", ".join(names)] for why, names in reasons.items()]
        text = "Silence about these is no sign of health."
        columns = ("what is missing", "checks that need it")
        sections.append(TableSection("What could not be checked", columns, rows, text=text))
    return sections


def _why(why: str) -> str:
    """The missing part in words."""
    need = why.removeprefix("needs ")
    head, _, last = need.rpartition(".")
    words = _NEEDS.get(last, _NEEDS.get(head, ""))
    return f"{words} ({need})" if words else need


def _words(
    examination: Examination, titles: Mapping[str, Known], headings: list[str]
) -> list[Section]:
    """The terms that the findings use, each with links to them."""
    texts = []
    for finding in examination.findings:
        known = titles.get(finding.code)
        meaning = "" if known is None else known.meaning
        texts.append([finding.claim, finding.unit, finding.control, finding.remedy, meaning])
    facts = []
    for term in words_in([text for group in texts for text in group]):
        used = [h for h, group in zip(headings, texts, strict=True) if term in words_in(group)]
        facts.append(Fact(term, WORDS[term], used))
    return [FactsSection("Words", facts)] if facts else []


__all__ = ["measured_svg", "report_page_html", "write_report_page"]

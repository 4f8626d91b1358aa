"""Jobs that set a melody in four parts, and that check the voice leading of scores."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.errors import PartimentoError
from partimento.core.files import write_atomic
from partimento.music.checking import check, finding_row
from partimento.music.files import read_score
from partimento.music.grid import VOICE_LONG_NAMES
from partimento.music.score import Score
from partimento.music.spans import parse_span
from partimento.music.voiceleading import RULES, check_score
from partimento.render.export import export_score
from partimento.render.sheet import svg_to_png
from partimento.render.sound import render_score, write_wav
from partimento.studio.bench import Bench
from partimento.studio.handlers.following import Followed, changed_ids, place_rows, write_follow
from partimento.studio.handlers.job_files import retold
from partimento.studio.orders import CheckOrder, HarmonizeOrder

if TYPE_CHECKING:
    from partimento.tasks.chorale.harmonize import Alternative

BEFORE = "before"
"""Name of the files of the score whose bars were written anew."""
CHECK_SAMPLE_RATE = 22050
_FINDINGS_COLUMNS = ("file", "rule", "severity", "bar", "beat", "voices", "message")
_MADE_HERE = re.compile(r"(-bars[0-9X][0-9A-Za-z.]*(-[0-9A-Za-z.]+)?)?-[0-9]+$")


def harmonize_job(order: HarmonizeOrder, bench: Bench) -> dict[str, Any]:
    """Alternatives of a chorale, each as score, sound, picture and timing; see the page's script.

    Raises PartimentoError as :func:`partimento.harmonize` does.
    """
    from partimento.tasks.chorale.harmonize import harmonize

    name = bench.name(order.source)
    score = _score(order, bench)
    found = harmonize(
        score,
        voices="S" if order.upper_line else order.voices,
        key=order.key,
        lock=order.lock,
        region=order.region,
        mode=order.mode,
        n=order.n,
        seed=order.seed,
        temperature=order.temperature,
        layout=order.layout,
        progress=_drafting(bench.tell, order.n),
    )
    before = None if order.region is None else _before(score, bench)
    stem = _stem(name, order)
    alternatives = []
    for i, one in enumerate(found.alternatives, start=1):
        bench.tell(i - 1, order.n, "Engraving and sound")
        alternatives.append(_alternative(one, f"{stem}-{i}", bench.folder, before, order))
    given = found.satb.given
    marked = next((v for v in found.satb.notes if any(n.fermata for n in v)), ())
    return {
        "title": _title(score, name, found.key.name, order),
        "source": name,
        "key": found.key.name,
        "warnings": [
            text
            for text in found.warnings
            # Of a score that was made here it goes without saying.
            if not (order.source.startswith("job:") and text.startswith("Voices found"))
        ],
        "seconds": round(found.seconds, 2),
        "bars": [bar.measure.number for bar in found.satb.bars],
        "fermatas": place_rows(found.satb.bars, (n for n in marked if n.fermata)),
        "given": {
            voice: round(float(given[:, v].mean()), 4) for v, voice in enumerate(VOICE_LONG_NAMES)
        },
        "alternatives": alternatives,
        "before": None if before is None else {"stem": BEFORE, **_findings(before)},
        "rules": {name: RULES[name].explanation for name in _rules(alternatives, before)},
    }


def _score(order: HarmonizeOrder, bench: Bench) -> Score:
    """The score of the file, or the upper line of the piece in it as a soprano can sing it."""
    path = bench.path(order.source)
    if not order.upper_line:
        return read_score(path)
    if path.suffix != ".mid":
        raise PartimentoError(
            "the upper line is taken from MIDI files only",
            where=bench.name(order.source),
            fix="Give the piece as MIDI, or choose which voices the file gives",
        )
    from partimento.chain.song_chorale import upper_line
    from partimento.music.barpiece import read_bar_piece

    line = upper_line(read_bar_piece(path), None if order.key == "auto" else order.key)
    said = [
        text
        for text, so in (
            ("The upper line of the piece was taken, its note values doubled.", line.doubled),
            ("The upper line of the piece was taken.", not line.doubled),
            ("It was cut after a good place to end.", not line.whole),
        )
        if so
    ]
    return replace(line.score, warnings=(*line.score.warnings, *said))


def _alternative(
    one: Alternative, stem: str, folder: Path, before: Followed | None, order: HarmonizeOrder
) -> dict[str, Any]:
    """Files of one alternative, and what the page shows of it."""
    export_score(one.score, folder, stem, formats=("musicxml", "mid", "wav"))
    made = write_follow(one.score, folder, stem)
    write_atomic(folder / f"{stem}.png", svg_to_png(made.engraving.svg))
    row = {"stem": stem, **one.report, **_findings(made)}
    if before is not None:
        row["changed"] = _changed(made, before, str(order.region))
    return row


def _drafting(tell: Callable[[int, int, str], None], n: int) -> Callable[[int, int, str], None]:
    """Progress over all alternatives, from that of one after the other."""
    ended = 0

    def step(done: int, total: int, label: str) -> None:
        nonlocal ended
        tell(ended * total + done, n * total, f"Alternative {ended + 1} of {n}")
        ended += done == total

    return step


def _before(score: Score, bench: Bench) -> Followed:
    """The score as it was, to be seen and heard beside the new bars."""
    bench.tell(0, 1, "The score as it was")
    export_score(score, bench.folder, BEFORE, formats=("wav",))
    return write_follow(score, bench.folder, BEFORE)


def _stem(name: str, order: HarmonizeOrder) -> str:
    """Name of the files: the source's own, with the bars that were written anew."""
    stem = Path(name).stem
    if order.source.startswith("job:"):
        stem = _MADE_HERE.sub("", stem)
    region = "" if order.region is None else f"-bars{_bars(order)}"
    return f"{plain_name(stem)}{region}"


def plain_name(text: str) -> str:
    """Letters, digits, dots and dashes alone, at most 60 of them.

    >>> plain_name("Nun danket! (1)"), plain_name("...")
    ('Nun-danket-1', 'score')
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:60] or "score"


def _title(score: Score, name: str, key: str, order: HarmonizeOrder) -> str:
    what = score.title or name
    return f"{what} in {key}" if order.region is None else f"{what}: bars {_bars(order)} anew"


def _bars(order: HarmonizeOrder) -> str:
    """The bars to be written anew, as they are printed."""
    return str(order.region).removeprefix("bars:")


def _findings(made: Followed) -> dict[str, Any]:
    """What the checker says, each with the ids of its notes."""
    found = check_score(made.score)
    rows = [{**finding_row(one), "notes": made.marks(one)} for one in found]
    counts = {kind: sum(f.severity == kind for f in found) for kind in ("error", "warning", "info")}
    return {"findings": rows, "counts": counts}


def _changed(made: Followed, before: Followed, region: str) -> list[str]:
    span = parse_span(region, made.bars)
    return changed_ids(made, before, span.start_quarter, span.end_quarter)


def _rules(alternatives: list[dict[str, Any]], before: Followed | None) -> list[str]:
    found = {row["rule"] for one in alternatives for row in one["findings"]}
    if before is not None:
        found |= {finding.rule for finding in check_score(before.score)}
    return [name for name in RULES if name in found]


def check_job(order: CheckOrder, bench: Bench) -> dict[str, Any]:
    """Findings of every score, its page and its sound; and all findings as one table.

    A score that cannot be checked is a row that says why; where none can, its error is raised.
    """
    refs = [order.source, *order.more]
    rows = []
    for i, ref in enumerate(refs):
        bench.tell(i, len(refs), bench.name(ref))
        try:
            rows.append(
                _checked(bench, ref, f"{i + 1:02}-{plain_name(Path(bench.name(ref)).stem)}")
            )
        except PartimentoError as error:
            if len(refs) == 1:
                raise
            rows.append({"name": bench.name(ref), "error": _told(error, bench, ref)})
    bench.tell(len(refs), len(refs), "Done")
    write_atomic(bench.folder / "findings.csv", _findings_csv(rows))
    known = {finding["rule"] for row in rows for finding in row.get("findings", ())}
    several = f"{len(refs)} scores checked"
    return {
        "title": several if len(refs) > 1 else f"{rows[0]['title']}: voice leading",
        "scores": rows,
        "rules": {name: RULES[name].explanation for name in RULES if name in known},
    }


def _checked(bench: Bench, ref: str, stem: str) -> dict[str, Any]:
    report = check(score := read_score(bench.path(ref)))
    made = write_follow(score, bench.folder, stem)
    sound = render_score(score, CHECK_SAMPLE_RATE).mean(axis=1)
    write_wav(bench.folder / f"{stem}.wav", sound, CHECK_SAMPLE_RATE)
    voices = made.texture.voices if made.texture else ()
    return {
        "name": bench.name(ref),
        "title": score.title or bench.name(ref),
        "stem": stem,
        "bars": len(made.bars),
        "voices": [voice.name for voice in voices],
        "warnings": list(report.warnings),
        **_findings(made),
    }


def _told(error: PartimentoError, bench: Bench, ref: str) -> str:
    """The error's paragraph with the user's name of the file."""
    path, name = bench.path(ref), bench.name(ref)
    words = [(str(path), name)]
    if path.name != name:
        # An upload lies under its number, which may stand for a missing title too.
        words += [(path.name, name), (path.stem, name)]
    return str(retold(error, words))


def _findings_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FINDINGS_COLUMNS)
    for row in rows:
        if "error" in row:
            writer.writerow(
                [_cell(row["name"]), "not checked", "", "", "", "", _cell(row["error"])]
            )
        for one in row.get("findings", ()):
            voices = _cell(", ".join(one["voices"]))
            values = (one["rule"], one["severity"], one["bar"], one["beat"], voices)
            writer.writerow([_cell(row["name"]), *values, _cell(one["message"])])
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text

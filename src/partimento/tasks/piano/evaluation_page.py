"""The page of a piano evaluation: the model beside the floors, by kind of event and by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partimento.render.page import Figure, FigureSection, Section, TableSection, page_html
from partimento.render.plots import bars_svg


def evaluation_html(report: Mapping[str, Any]) -> str:
    """A self-contained page for what :func:`~partimento.tasks.piano.evaluate.evaluate_piano` gives.

    Reports without a model (floors only) have no model's bars and columns.
    """
    sections: list[Section] = [_floors(report), _types(report), _pieces(report)]
    if report["unreadable"]:
        rows = [(one["name"], one["reason"]) for one in report["unreadable"]]
        sections.append(TableSection("Files passed over", ("file", "reason"), rows))
    lead = (
        f"{report['performances']} performances of {report['pieces']} pieces, {report['notes']} "
        f"notes, {report['seconds'] / 3600:.1f} hours. {report['definition']}."
    )
    return page_html(f"Evaluation of {report['weights'] or 'the floors'}", sections, lead=lead)


def _floors(report: Mapping[str, Any]) -> FigureSection:
    bars = {name: row["nats_per_note"] for name, row in report["floors"].items()}
    text = f"Floors from {report['floors_from']}."
    if "nats_per_note" in report:
        bars[report["weights"]] = report["nats_per_note"]
        interval = ""
        if report["interval_95"]:
            low, high = report["interval_95"]
            interval = f" (95 % interval over pieces {low:.3f} to {high:.3f})"
        text = (
            f"{report['nats_per_note']:.3f} nats per note{interval}, "
            f"{report['nats_per_token']:.3f} per event, "
            f"{report['nats_per_second']:.1f} per second: {report['landmark']}. {text}"
        )
    figure = Figure(bars_svg(bars, title="Nats per note", x_label="nats per note"))
    return FigureSection("Beside the floors", [figure], text)


def _types(report: Mapping[str, Any]) -> TableSection:
    fields = {
        "tokens": "events",
        "share": "share",
        "nats_per_token": "nats per event",
        "nats_per_note": "nats per note",
        "share_of_nats": "share of nats",
    }
    rows = [{"kind": name, **row} for name, row in report["per_type"].items()]
    return _table("By kind of event", {"kind": "kind", **fields}, rows)


def _pieces(report: Mapping[str, Any]) -> TableSection:
    fields = {
        "piece": "piece",
        "performances": "performances",
        "notes": "notes",
        "nats_per_note": "nats per note",
        "trigram_per_note": "trigram",
    }
    return _table("By piece", fields, report["per_piece"])


def _table(
    heading: str, fields: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> TableSection:
    """The fields that any row has, under their titles."""
    shown = [name for name in fields if any(row.get(name) is not None for row in rows)]
    cells = [tuple(_short(row.get(name)) for name in shown) for row in rows]
    return TableSection(heading, [fields[name] for name in shown], cells)


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value

"""The page of a text2midi evaluation, and the tables that the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partimento.render.page import (
    Figure,
    FigureSection,
    Section,
    TableSection,
    TextSection,
    page_html,
)
from partimento.render.plots import bars_svg

Row = dict[str, Any]
Tables = list[tuple[str, list[Row]]]

_TOLD = {
    "full": "attributes and semantic token",
    "attributes_only": "attributes understood",
    "attributes_measured": "attributes measured",
    "sem_only": "semantic token alone",
}


def printed_tables(report: Mapping[str, Any]) -> Tables:
    """Every table with its title."""
    tables = _made_tables(report) if "generated" in report else _likelihood_tables(report)
    return [(title, rows) for title, rows in tables if rows]


def _likelihood_tables(report: Mapping[str, Any]) -> Tables:
    return [
        ("What the prompt tells", [_told_row(n, v) for n, v in _variants(report) if v]),
        ("Attribute by attribute", _attribute_rows(report["per_attribute"])),
        ("By source", [_source_row(n, v) for n, v in report["by_source"].items()]),
    ]


def _variants(report: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, report if name == "full" else report[name]) for name in _TOLD]


def _told_row(name: str, figures: Mapping[str, Any]) -> Row:
    gain, top = figures["bits_gain_own_vs_shuffled"], figures.get("top1_of_50")
    same = figures["bits_gain_same_meter"]
    return {
        "told": _TOLD[name],
        "nats per note": figures["nats_per_note"],
        "under shuffled": figures["nats_per_note_shuffled"],
        "untold": figures["nats_per_note_unconditional"],
        "bits gained": gain["mean"],
        "95 % interval": _span(gain),
        "of the same meter": same and same["mean"],
        "best of 50": top and top["value"],
        "its interval": top and _span(top),
        "chance": top and top["chance"],
    }


def _attribute_rows(table: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "attribute": name,
            "n": row["bits_gain_own_vs_unconditional"]["n"],
            "bits against untold": row["bits_gain_own_vs_unconditional"]["mean"],
            "95 % interval": _span(row["bits_gain_own_vs_unconditional"]),
            "bits against shuffled": row["bits_gain_own_vs_shuffled"]["mean"],
            "its interval": _span(row["bits_gain_own_vs_shuffled"]),
        }
        for name, row in table.items()
    ]


def _source_row(name: str, row: Mapping[str, Any]) -> Row:
    gain = row["bits_gain_own_vs_shuffled"]
    return {
        "source": name,
        "excerpts": row["n_excerpts"],
        "nats per note": row["nats_per_note"],
        "untold": row["nats_per_note_unconditional"],
        "bits gained": gain["mean"],
        "95 % interval": _span(gain),
    }


def _made_tables(report: Mapping[str, Any]) -> Tables:
    return [
        ("Validity", _validity_rows(report["validity"])),
        ("Attributes asked for and heard", _match_rows(report["attribute_match"])),
        ("Tempo by the bins of MidiCaps", _tempo_rows(report["attribute_match"]["tempo_bins"])),
        ("Forced attributes", [_share_row(n, v) for n, v in report["forced"].items()]),
        ("Interventions", _intervention_rows(report["interventions"])),
        ("Semantic token told from the music", _token_rows(report["semantic_token"])),
        ("Five wordings of one wish", _wording_rows(report["paraphrases"])),
        ("Copying", _copy_rows(report["copying"])),
        ("Distributions beside real music", _distance_rows(report["quality"]["distributions"])),
        ("Signs of degeneration", _degenerate_rows(report["quality"]["degenerate"])),
        ("Examples", [_example_row(row) for row in report["examples"]]),
    ]


def _validity_rows(found: Mapping[str, Any]) -> list[Row]:
    whole = {"check": "all", "share": found["all"]["share"], "95 % interval": _span(found["all"])}
    checks = [n for n in found if n not in ("n", "all", "faults")]
    rest = [{"check": n, "share": found[n], "95 % interval": None} for n in checks]
    return [whole, *rest]


def _match_rows(table: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "attribute": name,
            "n": row["n"],
            "match": row["raw"],
            "95 % interval": _span(row),
            "chance": row["chance"],
            "ceiling": row["ceiling"],
            "normalised": row["normalised"],
            "its interval": _span(
                {"low": row["normalised_low"], "high": row["normalised_high"]}
                if row["normalised"] is not None
                else None
            ),
        }
        for name, row in table["attributes"].items()
    ]


def _tempo_rows(found: Mapping[str, Any] | None) -> list[Row]:
    rows = {} if found is None else {n: found[n] for n in ("exact", "one_bin_off")}
    return [
        {
            "bins": name.replace("_", " "),
            "match": row["raw"],
            "95 % interval": _span(row),
            "chance": row["chance"],
        }
        for name, row in rows.items()
    ]


def _share_row(name: str, row: Mapping[str, Any]) -> Row:
    return {
        "attribute": name,
        "n": row["n"],
        "share": row["share"],
        "95 % interval": _span(row),
    }


def _intervention_rows(found: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name in ("density", "register"):
        row = found[name]
        levels = ", ".join(f"{r['asked']:g}: {r['measured']:.1f}" for r in row.get("by_level", ()))
        rows.append(
            {
                "attribute": name,
                "Spearman": row["spearman"]["value"],
                "95 % interval": _span(row["spearman"]),
                "asked: measured": levels,
            }
        )
    return rows


def _token_rows(found: Mapping[str, Any]) -> list[Row]:
    if "skipped" in found:
        return []
    rows: list[Row] = [
        {"music": "real, held out", "found": found["ceiling"]["value"]},
        {"music": "chance", "found": found["chance"]},
        *(
            {"music": n.replace("_", " "), **_token_row(found[n])}
            for n in ("full_prompt", "token_alone")
        ),
    ]
    rows[0]["95 % interval"] = _span(found["ceiling"])
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _token_row(row: Mapping[str, Any]) -> Row:
    return {
        "found": row["value"],
        "95 % interval": _span(row),
        "share of ceiling": row["share_of_ceiling"],
        "normalised": row["normalised"],
    }


def _wording_rows(found: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "wishes": name,
            "groups": row["groups"],
            "attributes agree": row["attributes_agree"],
            "whole groups agree": row["groups_agree"],
            "tokens agree": row["semantic_token"] and row["semantic_token"]["pairs_agree"],
            "by chance": row["semantic_token"] and row["semantic_token"]["chance"],
        }
        for name, row in found.items()
    ]


def _copy_rows(found: Mapping[str, Any]) -> list[Row]:
    if "skipped" in found:
        return []
    names = {"generated": "generated", "held_out": "real, held out"}
    return [
        {
            "music": title,
            "pieces": found[side]["n"],
            "mean run": found[side]["mean"],
            "95 % interval": _span(found[side]),
            "median": found[side]["median"],
            "95th percentile": found[side]["p95"],
            "longest": found[side]["longest"],
            "mostly one run": found[side]["mostly_one_run"],
        }
        for side, title in names.items()
    ]


def _distance_rows(found: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "distribution": name.replace("_", " "),
            "generated to real": row["jensen_shannon"],
            "real to real": row["real_to_real"],
            "ratio": row["ratio"],
            "overlap": row["overlap"],
        }
        for name, row in found.items()
        if isinstance(row, Mapping)
    ]


def _degenerate_rows(found: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, sides in found.items():
        row: Row = {"measure": name.replace("_", " ")}
        for side in ("generated", "real"):
            one = sides.get(side)
            row[side] = one and one["mean"]
            row[f"{side}, 95 % interval"] = one and _span(one)
        rows.append(row)
    return rows


def _example_row(row: Mapping[str, Any]) -> Row:
    return {
        "prompt": row["text"],
        "met": ", ".join(row["met"]),
        "missed": "; ".join(row["missed"]),
    }


def _span(row: Mapping[str, Any] | None) -> str | None:
    if row is None or row["low"] is None:
        return None
    return f"{row['low']:.3g} to {row['high']:.3g}"


_TEXTS = {
    "What the prompt tells": "Bits gained: what the likelihood of an excerpt loses when its prompt "
    "is exchanged for another piece's. Number of bars and place in the piece are told alike.",
    "Attribute by attribute": "Each attribute told alone, the rest left open.",
    "Validity": "The events of the written files are read one by one.",
    "Attributes asked for and heard": "One draw for each prompt, nothing forced. Chance: the same "
    "music judged by the other prompts. Normalised: (match - chance) / (ceiling - chance).",
    "Interventions": "The same seed and place in the batch; only one attribute changes.",
    "Semantic token told from the music": "By a classifier that learnt from real training music.",
    "Copying": "Longest run of the top line that training music has too, by interval and ratio of "
    "durations, in notes.",
    "Distributions beside real music": "Jensen-Shannon divergence in bits. Ratio 1: as near to "
    "real music as real music of the same amount.",
}


def evaluation_html(report: Mapping[str, Any]) -> str:
    """A self-contained page for either form of the evaluation."""
    sections: list[Section] = []
    for title, rows in printed_tables(report):
        sections.append(_table(title, rows, _TEXTS.get(title, "")))
        if len(sections) == 1 and "generated" not in report:
            sections.append(_gains(report))
        if title.startswith("Attributes asked"):
            sections.append(_matches(report["attribute_match"]))
    skipped = _skipped(report)
    if skipped:
        sections.append(TextSection("Not measured", skipped))
    return page_html(_title(report), sections, lead=_lead(report))


def _title(report: Mapping[str, Any]) -> str:
    kind = "pieces made by" if "generated" in report else "what prompts tell"
    return f"Text to music: {kind} {report['weights']}"


def _lead(report: Mapping[str, Any]) -> str:
    if "generated" in report:
        return (
            f"{report['generated']} pieces of {report['bars']} bars, one draw for each prompt "
            f"({report['prompts']}), guidance {report['guidance']:g}, seed {report['seed']}."
        )
    return (
        f"{report['n_excerpts']} excerpts of {report['n_pieces']} pieces; the prompts are captions "
        "by rule."
    )


def _skipped(report: Mapping[str, Any]) -> list[str]:
    if "generated" not in report:
        return []
    parts = {
        "Semantic token": report["semantic_token"],
        "Copying": report["copying"],
        "Distributions": report["quality"]["distributions"],
    }
    return [f"{name}: {part['skipped']}" for name, part in parts.items() if "skipped" in part]


def _gains(report: Mapping[str, Any]) -> FigureSection:
    bars = {
        _TOLD[name]: max(0.0, float(figures["bits_gain_own_vs_shuffled"]["mean"]))
        for name, figures in _variants(report)
        if figures
    }
    figure = Figure(bars_svg(bars, title="Bits gained over a shuffled prompt", x_label="bits"))
    return FigureSection("Gain", [figure], "Below zero is drawn as zero.")


def _matches(table: Mapping[str, Any]) -> FigureSection:
    known = {
        n: r["normalised"] for n, r in table["attributes"].items() if r["normalised"] is not None
    }
    bars = {name: max(0.0, float(value)) for name, value in known.items()} or {"none": 0.0}
    title = "Normalised attribute match"
    return FigureSection(title, [Figure(bars_svg(bars, title=title, x_label="normalised"))])


def _table(heading: str, rows: Sequence[Row], text: str) -> TableSection:
    """Rows with the columns in which any row has something."""
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    cells = [tuple(_cell(row[name]) for name in columns) for row in rows]
    return TableSection(heading, columns, cells, text=text)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4 if abs(value) < 0.1 else 3) if value == value else None
    return value

"""The page of :mod:`partimento.tasks.text2midi.source_report`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from partimento.render.page import (
    Cell,
    Figure,
    FigureSection,
    Section,
    TableSection,
    TextSection,
    page_html,
)
from partimento.render.plots import bars_svg, heatmap_svg


def report_page(report: Mapping[str, Any]) -> str:
    """The page as text, from a report as plain data."""
    sections: list[Section] = [
        _swap(report["swap"]),
        _clusters(report),
        _texts(report),
        _types(report),
        *_attention(report["attention"]),
        _statistics(report["statistics"]),
    ]
    lead = f"{report['weights']} on the part {report['part']} of {report['data']}"
    return page_html("What a single semantic token does", sections, lead=lead)


def _swap(swap: Mapping[str, Any]) -> TableSection:
    names = {
        "bits_gain_own_vs_others": "gained by the own token over the mean of the others, bits",
        "bits_gain_own_vs_shuffled": "gained over the token of another piece, bits",
        "information_bits": "told about the piece (against the mixture of all tokens), bits",
    }
    rows = [[text, *_interval(swap[name], "bits", 2)] for name, text in names.items()]
    rows.append(["own token explains it best (share)", *_interval(swap["top1"], "share", 3)])
    text = (
        f"{swap['pieces']} held-out pieces, each under all {swap['clusters']} semantic tokens. "
        f"A piece holds {swap['bits_per_piece']:.0f} bits; the token could tell at most "
        f"{swap['cluster_entropy_bits']:.2f} of them. By chance the own token is best in "
        f"{swap['chance']:.3f} of the pieces; the commonest token is the own one in "
        f"{swap['chance_largest']:.3f}."
    )
    return TableSection("Swap test", ["figure", "value", "95 % interval"], rows, text=text)


def _interval(row: Mapping[str, Any], name: str, decimals: int) -> list[str]:
    value, low, high = row[name], row["low"], row["high"]
    if isinstance(value, str):
        return ["-", "-"]
    return [f"{value:.{decimals}f}", f"{low:.{decimals}f} to {high:.{decimals}f}"]


def _clusters(report: Mapping[str, Any]) -> TableSection:
    rows = [
        [
            row["token"],
            row["pieces"],
            f"{row['share']:.3f}",
            f"{row['share_in_training']:.3f}",
            *_interval(row["nats_per_token"], "value", 3),
            row["perplexity"] if isinstance(row["perplexity"], str) else f"{row['perplexity']:.2f}",
        ]
        for row in report["clusters"]
    ]
    overall = report["overall"]["nats_per_token"]["value"]
    head = ["token", "pieces", "share", "in training", "nats per token", "95 %", "perplexity"]
    return TableSection("Clusters", head, rows, text=f"All together: {overall:.3f} nats per token.")


def _texts(report: Mapping[str, Any]) -> TableSection:
    rows = [[row["token"], text] for row in report["clusters"] for text in row["texts"]]
    return TableSection("Texts of the clusters", ["token", "text"], rows)


def _types(report: Mapping[str, Any]) -> FigureSection:
    values = {
        row["type"]: {"nats per token": row["nats_per_token"], "per note": row["nats_per_note"]}
        for row in report["types"]
        if not isinstance(row["nats_per_token"], str)
    }
    picture = bars_svg(values, title="Loss by type of event", x_label="nats")
    return FigureSection("Types of events", [Figure(picture)])


def _attention(table: Mapping[str, Any]) -> list[Section]:
    weights_LH = np.array(table["semantic_LH"])
    text = (
        f"Mean over {table['queries']} events of {table['pieces']} pieces: "
        f"{table['semantic_mean']:.4f} of the attention goes to the semantic token; even attention "
        f"would give it {table['even']:.4f}, the most attentive head gives "
        f"{table['semantic_largest']:.4f}."
    )
    picture = heatmap_svg(
        weights_LH,
        title="Attention to the semantic token",
        rows=[f"layer {i}" for i in range(weights_LH.shape[0])],
        columns=[f"head {i}" for i in range(weights_LH.shape[1])],
    )
    return [TextSection("Attention", [text]), FigureSection("By layer and head", [Figure(picture)])]


def _statistics(figures: Mapping[str, Any]) -> TableSection:
    lengths = {f"length, {k} (tokens)": v for k, v in figures["length_tokens"].items()}
    tokens = {f"{k} tokens": v for k, v in figures["tokens_by_type"].items()}
    plain = {k: figures[k] for k in ("sequences", "groups", "tokens", "distinct_tokens")}
    rows: list[list[Cell]] = [
        [name.replace("_", " "), round(float(value), 2)]
        for name, value in {**plain, **lengths, **tokens}.items()
    ]
    return TableSection("Sequences", ["figure", "value"], rows)

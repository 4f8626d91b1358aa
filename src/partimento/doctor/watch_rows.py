"""Rows that a monitor wrote, as arrays over steps and blocks.

Shape suffixes: S recorded steps, P parameter blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.doctor.case import Watched


def watched_of_rows(rows: Sequence[Mapping[str, Any]]) -> Watched:
    """Rows of kind "watch" as arrays; rows of other kinds are left out.

    Rows that tell their ``blocks`` (the first of each invocation) hold for those after them; a
    block that a row does not know is NaN there.  Of several rows of one step the last counts, as
    after a run that was resumed.

    Raises ValueError where the first row does not tell its blocks.
    """
    found: dict[int, tuple[list[str], Mapping[str, Any]]] = {}
    blocks: list[str] = []
    for row in rows:
        if row.get("kind") == "watch":
            blocks = list(row.get("blocks", blocks))
            if not blocks:
                raise ValueError("the first watch row does not tell its blocks")
            found[int(row["step"])] = (blocks, row)
    order = sorted(found)
    chosen = [found[step] for step in order]
    names = list(dict.fromkeys(name for mine, _ in chosen for name in mine))
    return Watched(
        steps_S=np.array(order, dtype=np.int64),
        losses_S=_column(chosen, "loss"),
        blocks=names,
        gradient_norms_SP=_table(chosen, names, "gradient_norms"),
        weight_norms_SP=_table(chosen, names, "weight_norms"),
        update_ratios_SP=_table(chosen, names, "update_ratios"),
        rates_S=_column(chosen, "lr"),
        dead_SP=_table(chosen, names, "dead"),
        saturated_SP=_table(chosen, names, "saturated"),
        output_spread_S=_column(chosen, "output_spread"),
        target_spread_S=_column(chosen, "target_spread"),
        batch_classes_S=[[int(c) for c in row.get("classes", ())] for _, row in chosen],
        not_finite_S=[str(row.get("not_finite", "")) for _, row in chosen],
    )


def _column(chosen: Sequence[tuple[list[str], Mapping[str, Any]]], name: str) -> np.ndarray:
    return np.array([float(row.get(name, math.nan)) for _, row in chosen])


def _table(
    chosen: Sequence[tuple[list[str], Mapping[str, Any]]], names: Sequence[str], column: str
) -> np.ndarray:
    """(S, P); a value of a row is a list in the order of its blocks, or a mapping by name."""
    table_SP = np.full((len(chosen), len(names)), np.nan)
    place = {name: index for index, name in enumerate(names)}
    for index, (mine, row) in enumerate(chosen):
        values = row[column]
        items = values.items() if isinstance(values, Mapping) else zip(mine, values, strict=True)
        for name, value in items:
            table_SP[index, place[name]] = float(value)
    return table_SP

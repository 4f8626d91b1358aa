"""Cover pictures: what was heard or measured, drawn, once or with several seeds."""

from __future__ import annotations

from typing import Any

from partimento.studio.bench import Bench
from partimento.studio.orders import PictureOrder


def picture_job(order: PictureOrder, bench: Bench) -> dict[str, Any]:
    """``n`` covers with the seeds that follow ``seed``, each as PNG and as SVG."""
    from partimento.tasks.audio2visual.cover import DEFAULT_SIZE, cover

    source = bench.path(order.source)
    pictures = []
    for number in range(order.n):
        bench.tell(number, order.n, "Listening" if number == 0 else "Drawing another")
        seed = order.seed + number
        made = cover(source, seed=seed, size=order.size, title=order.caption)
        name = f"cover-{seed}"
        (bench.folder / f"{name}.png").write_bytes(made.png)
        if made.svg is not None:
            (bench.folder / f"{name}.svg").write_text(made.svg, encoding="utf-8")
        pictures.append({"seed": seed, "png": f"{name}.png", "svg": f"{name}.svg"})
    facts = made.facts()
    return {
        "title": f"Cover for {bench.name(order.source)}",
        "pictures": pictures,
        "size": order.size or DEFAULT_SIZE,
        "heard": {key: facts[key] for key in ("label", "confidence", "top", "unknown")},
        "blended": facts["blended"],
        "music": facts["music"],
        "note": facts["note"],
        "warnings": list(made.warnings),
    }

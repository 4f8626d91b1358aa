"""Shape annotations: ``Float[Tensor, "B T D"]``.

The names come from jaxtyping, a development tool that checks them under pytest.  Without it they
stand for the plain tensor, so that inference needs no extra package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ImportError:

        class _Plain:
            """``_Plain[Tensor, "B T"]`` is ``Tensor``."""

            def __class_getitem__(cls, item: Any) -> Any:
                return item[0]

        Bool = Float = Int = _Plain

__all__ = ["Bool", "Float", "Int"]

"""Files that come with the package, as if they had been handed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

from partimento.core.errors import PartimentoError
from partimento.examples import PRIMER, example_names, example_path
from partimento.studio.store import Store, Upload
from partimento.studio.uploads import Uploads


def sample_names() -> list[str]:
    """File names: scores first, then the piano performance."""
    return [example_path(name).name for name in (*example_names(), PRIMER)]


async def take_sample(name: str, store: Store, uploads: Uploads) -> Upload:
    """The upload of an example; the one that is there already, where there is one.

    Raises PartimentoError for a name that the list does not have.
    """
    if name not in sample_names():
        raise PartimentoError("there is no such example", where=name[:80])
    data = example_path(name).read_bytes()
    for known in store.uploads(limit=1000):
        path = uploads.path(known)
        if known.name == name and known.bytes == len(data) and path.read_bytes() == data:
            return known

    async def stream() -> AsyncIterator[bytes]:
        yield data

    return await uploads.take(name, stream())

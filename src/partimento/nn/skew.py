"""Relative global attention without a table per pair of positions (Huang et al. 2019).

Shaw et al. (2018) add to the score of query i and key j the product of the query with a learned
embedding of their distance i - j.  Taken literally that needs an embedding for every pair: memory
in O(L^2 E).  The product of all queries with all distances holds the wanted numbers already, each
row displaced by one more place; the skew puts them in order, and beside the scores themselves no
more than the queries and one table are in memory: O(L E).

Shape suffixes: B batch, H heads, T queries, S keys, E width of a head, R distances, N any leading
dimensions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def skew(logits_NTS: Tensor) -> Tensor:
    """Move row t of (..., T, S) to the left by T - 1 - t places.

    The wanted number of query t and key s then stands at (t, s), if column c held the distance
    S - 1 - c and the last query belongs to the last key.  Places of keys after their query get
    any number; a causal mask must hide them.
    """
    *lead, T, S = logits_NTS.shape
    # One more column shifts every row by one place more than the row before it.
    flat = F.pad(logits_NTS, (1, 0)).view(*lead, T * (S + 1))
    return flat[..., T:].view(*lead, T, S)


def relative_logits(q_BHTE: Tensor, distance_RE: Tensor, keys: int | None = None) -> Tensor:
    """Query times the embedding of its distance to every key: (B, H, T, S).

    The queries are the last T of ``keys`` positions S (default: all of them), so that a step of
    cached decoding is the case T = 1.  Row r of ``distance_RE`` belongs to distance r.  Keys after
    their query get any number.

    Raises ValueError when there are more keys than distances, or fewer than queries.
    """
    T = q_BHTE.shape[-2]
    S = T if keys is None else keys
    if not T <= S <= len(distance_RE):
        raise ValueError(f"{T} queries and {S} keys for {len(distance_RE)} distances")
    return skew(q_BHTE @ distance_RE[:S].flip(0).T)


def naive_relative_logits(q_BHTE: Tensor, distance_RE: Tensor, keys: int | None = None) -> Tensor:
    """The slow twin of :func:`relative_logits`: an embedding for every pair, O(T S E) memory.

    Keys after their query get zero.
    """
    T = q_BHTE.shape[-2]
    S = T if keys is None else keys
    query = torch.arange(S - T, S, device=q_BHTE.device)[:, None]
    distance = query - torch.arange(S, device=q_BHTE.device)
    pairs_TSE = distance_RE[distance.clamp_min(0)] * (distance >= 0)[..., None]
    return torch.einsum("bhte,tse->bhts", q_BHTE, pairs_TSE)

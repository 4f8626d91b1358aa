"""Two small pieces of the harmonising tests: a melody with fermatas, an exercise with a fault."""

from __future__ import annotations

MELODY = """X:1
T:Short line
M:4/4
L:1/4
Q:1/4=100
K:G
d | g g a a | !fermata!b2 a g | a2 f2 | !fermata!g3 |]
"""
EXERCISE = """X:1
T:Exercise
M:4/4
L:1/4
K:C
V:S
V:A
V:T
V:B clef=bass
[V:S] c d e2 |]
[V:A] G G G2 |]
[V:T] E, B, C2 |]
[V:B] C, D, C,2 |]
"""

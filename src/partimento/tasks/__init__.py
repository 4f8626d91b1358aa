"""The tasks: one slice each, independent of each other, loaded only when used."""

TASKS: dict[str, str] = {
    "chorale": "A four-channel harmonic network: harmonises a melody, composes four-part chorales",
    "piano": "Piano performances: continued, filled in, varied, dreamt up; the Music Transformer",
    "critique": "Piano performances heard on 19 perceptual dimensions, with intervals and reasons",
    "text2midi": "A sentence becomes a piece: semantic tokens, attributes, a decoder that obeys",
    "audio2visual": "A sound finds its place in text space and becomes a picture",
}
"""Task name -> one line about it.  The slice is the sub-package of the same name."""

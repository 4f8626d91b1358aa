"""Words of the reports, explained for somebody who trains a network for the first time."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORDS: dict[str, str] = {
    "accuracy": "Share of the answers that are right.",
    "attention": "How a network weighs which earlier or other places to look at; the weights of one"
    " place add up to 1.",
    "baseline": "A simple answer to compare with. A model that does not beat it has learnt nothing"
    " that matters.",
    "batch": "The examples that one step of the optimiser learns from together.",
    "calibrated": "Of the answers that are given with 80 % probability, 80 in 100 come true.",
    "causal": "What is said about a moment depends on earlier moments only.",
    "checkpoint": "A file with the weights of a network at one moment of the training.",
    "conditioning": "What the model is told about the wanted result, such as a style or a prompt.",
    "cosine": "How far two lists of numbers point the same way: 1 the same, 0 unrelated, -1"
    " opposite.",
    "curriculum": "Easy examples (short ones) first, harder ones later.",
    "dropout": "Numbers are set to zero at random during training, so that no weight is relied on"
    " alone.",
    "embedding": "A list of numbers that stands for a word, a sound or a piece.",
    "entropy": "How undecided a distribution is: 0 when one thing is certain, largest when all are"
    " equally likely.",
    "epoch": "One pass over all training examples.",
    "evaluation mode": "The network as it is used: without dropout, with fixed statistics.",
    "floor": "The loss of an answer that needs no learning, such as the most frequent token.",
    "gradient": "For each weight, in which direction and how steeply the loss changes. Training"
    " follows it downhill.",
    "head": "The last layers, which turn what the network knows into an answer; also one of several"
    " parallel attentions.",
    "held-out": "Examples that were not trained on. Only they tell what was really learnt.",
    "interval": "Where the true value lies with 95 % probability, given how few examples there"
    " were.",
    "label": "The right answer that belongs to an example.",
    "learning rate": "How large a step each update of the weights takes.",
    "leak": "The same example, or nearly, is in training and in the test: results look better than"
    " they are.",
    "logits": "The network's raw scores of the possible answers, before they become probabilities.",
    "loss": "One number for how wrong the model is; training makes it smaller. Its unit matters.",
    "mask": "Marks which places are real and which only fill up a batch.",
    "nats": "Unit of a loss: the natural logarithm of how many answers were equally likely. Divide"
    " by 0.693 for bits.",
    "normalisation": "Bringing numbers to mean 0 and spread 1, inside a network or in the data.",
    "optimiser": "The rule that turns gradients into changes of the weights.",
    "overfit": "Better and better on training examples, worse on others: learnt by heart.",
    "padding": "Empty places that make all examples of a batch equally long.",
    "perplexity": "exp(loss in nats): among how many equally likely answers the model hesitates.",
    "plateau": "A time in which the loss does not get better.",
    "probe": "A question to the finished model that changes nothing in it.",
    "R2": "Share of the variation that a prediction explains: 1 is perfect, 0 is as good as always"
    " answering the mean.",
    "ridge": "A straight-line prediction found by a formula, without training.",
    "seed": "The number that random choices start from; the same seed, the same run.",
    "standard deviation": "The usual distance from the mean.",
    "step": "One update of the weights from one batch; in music also one place of the time grid.",
    "target": "What the model should answer.",
    "threshold": "The value from which something counts as wrong.",
    "token": "One symbol of the model's alphabet, such as a note or a pause.",
    "update ratio": "How much a step changes the weights, relative to their size; about a"
    " thousandth is usual.",
    "validation": "Measuring on examples that are not trained on, during the training.",
    "warm-up": "The first steps, in which the learning rate rises from 0.",
    "weights": "The numbers in a network that training changes.",
}
"""Term -> what it means."""


def words_in(texts: Iterable[str]) -> list[str]:
    """The terms of :data:`WORDS` that stand in any of the texts, as whole words.

    >>> words_in(["The losses of two batches", "an R2 of 0.1"])
    ['batch', 'loss', 'R2']
    """
    whole = " ".join(texts).lower()
    return [
        term
        for term in WORDS
        if re.search(rf"(?<![\w-]){re.escape(term.lower())}(?:e?s)?(?![\w-])", whole)
    ]

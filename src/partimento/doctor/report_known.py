"""U2: the findings that contradictions in a report can make."""

from __future__ import annotations

from partimento.doctor.checks import Known

PERPLEXITY = Known(
    code="U2.perplexity",
    title="Perplexity is not exp(loss)",
    meaning="Perplexity and loss of a report contradict each other: another unit, another part of"
    " the data, or a mean of exponentials.",
    threshold="1 % beyond the rounding of the digits that are written",
    source="definition: perplexity = exp(mean loss in nats) = 2^(bits)",
    evidence="both figures, exp(loss), 2^loss",
    remedy="compute perplexity once, from the mean loss of all tokens: exp(total nats / tokens)",
)
ACCURACY = Known(
    code="U2.accuracy-against-loss",
    title="Accuracy and loss cannot be of the same tokens",
    meaning="A model of this accuracy would have a lower loss if it gave its first choice just that"
    " probability; most often padding was counted as right answers.",
    threshold="between (1 - a) ln 2 and h(a) + (1 - a) ln(V - 1)",
    source="Fano's inequality (Fano 1961; Cover and Thomas 2006, section 2.10), and p <= 1/2 of a"
    " token that is not the likeliest",
    evidence="both bounds, perplexities, the share of padding that would explain it",
    remedy="leave padding out of both: count only tokens whose target is not the padding token",
)
STEPS = Known(
    code="U2.steps",
    title="Steps do not follow from samples, batch and epochs",
    meaning="The number of steps (or of samples a second) contradicts the other figures, so that"
    " one of them is of another run.",
    threshold="epochs x floor or ceil(samples / (batch x accumulation)), 2 % added",
    source="definition",
    evidence="the figures and the steps that follow from them",
    remedy="take steps from the run's metrics.jsonl; partimento compare RUN shows them",
)
SIZE = Known(
    code="U2.size",
    title="File size does not follow from the parameters",
    meaning="Parameters x bytes a number is neither the file's size nor that of weights with the"
    " optimiser's moments: one of the figures is of another model.",
    threshold="within 10 % of 4 bytes a parameter (2, 1 and, with Adam's moments, 12 pass too)",
    source="definition: 4 bytes a float32",
    evidence="bytes a parameter and what the precisions would give",
    remedy="partimento doctor config CHECKPOINT.safetensors counts parameters and bytes",
)
SHARE = Known(
    code="U2.warm-up-share",
    title="Warm-up takes a large part of the run",
    meaning="The rate is still rising for a large part of the steps, or never reaches its peak.",
    threshold="0.3 of the steps",
    source="the largest usual share (one-cycle, Smith and Topin 2017); 0.01 to 0.1 is common",
    evidence="warm-up and all steps",
    remedy="set training.schedule.warmup_steps to a tenth of the steps or less",
)
EVALUATIONS = Known(
    code="U2.evaluations",
    title="Too few evaluations in the run",
    meaning="With so few evaluations neither the best checkpoint nor over-fitting can be seen.",
    threshold="3 evaluations a run",
    source="a curve with a minimum inside needs three points",
    evidence="steps, interval, evaluations",
    remedy="set training.validate_steps (or training.validate_every) for ten evaluations a run",
)

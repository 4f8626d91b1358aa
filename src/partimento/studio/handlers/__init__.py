"""The work itself: plain tables of what does which job, and of what answers which question.

Each function takes its order and a :class:`~partimento.studio.bench.Bench` and returns JSON data
for the page; a job also leaves files in the bench's folder.
"""

JOBS: dict[str, str] = {
    "compose": "partimento.studio.handlers.composing:compose_job",
    "regenerate": "partimento.studio.handlers.composing:regenerate_job",
    "song": "partimento.studio.handlers.composing:song_job",
    "harmonize": "partimento.studio.handlers.harmonizing:harmonize_job",
    "check": "partimento.studio.handlers.harmonizing:check_job",
    "continue": "partimento.studio.handlers.continuing:continue_job",
    "infill": "partimento.studio.handlers.continuing:infill_job",
    "vary": "partimento.studio.handlers.continuing:vary_job",
    "dream": "partimento.studio.handlers.continuing:dream_job",
    "critique": "partimento.studio.handlers.criticising:critique_job",
    "picture": "partimento.studio.handlers.picturing:picture_job",
    "examine": "partimento.studio.handlers.doctoring:examine_job",
    "replay": "partimento.studio.handlers.doctoring:replay_job",
    "attention": "partimento.studio.handlers.doctoring:attention_job",
}
"""Kind of job -> the function that does it."""

QUESTIONS: dict[str, str] = {
    "understand": "partimento.studio.handlers.composing:understand",
    "roll": "partimento.studio.handlers.looking:roll",
    "sheet": "partimento.studio.handlers.looking:sheet",
    "look": "partimento.studio.handlers.looking:look",
}
"""Question -> the function that answers it at once, without a place in the queue."""

"""How good the maps are: models that differ in CLIP alone, asked about photos whose truth is known.

    base, tuned = mu.load_model("demo"), mu.load_model("demo", adapter="miniature:ore")
    cases = section_cases((validation_section(k) for k in range(20)), names)
    found = answers({"base": base, "tuned": tuned}, cases, names, parts=True)
    found.row("tuned", "refined").miou
    difference(found.row("base"), found.row("tuned"), "miou")      # with its 95 % interval

- `question`: what is asked, and which answers are right (LumenStone's codes among them);
- `asking`: SAM looks at each photo once, all models are asked in all ways;
- `result`: counts and areas, kept in two small files;
- `compare`: intervals, paired differences;
- `tables`: the paper's tables, the mirror, a run's long form.
"""

from __future__ import annotations

from .asking import answers, whole_photo_scores
from .compare import AVERAGED, SCORES, best, difference, interval, some_photos, value
from .question import (
    Case,
    Question,
    lumenstone_cases,
    lumenstone_question,
    question,
    section_cases,
)
from .result import PROTOCOLS, STAGES, Answers, Cell
from .tables import (
    PAPER_TABLES,
    averages_table,
    gangue_together,
    log_answers,
    log_row,
    mirror_table,
    paper_table,
)

__all__ = [
    "AVERAGED",
    "PAPER_TABLES",
    "PROTOCOLS",
    "SCORES",
    "STAGES",
    "Answers",
    "Case",
    "Cell",
    "Question",
    "answers",
    "averages_table",
    "best",
    "difference",
    "gangue_together",
    "interval",
    "log_answers",
    "log_row",
    "lumenstone_cases",
    "lumenstone_question",
    "mirror_table",
    "paper_table",
    "question",
    "section_cases",
    "some_photos",
    "value",
    "whole_photo_scores",
]

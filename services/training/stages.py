"""What each stage of a job learns from: its rows as token ids, checked before anything is loaded."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from services.domain.conversation import has_context
from services.domain.training import Objective
from services.errors.training import AllPairsEqual, NoSupervisedTokens, NothingToLearn, OneClassOnly
from services.training.dataset import (
    Tokenised,
    TokenisedJudgement,
    TokenisedPair,
    refuse_long_rows,
    show_row,
    tokenise_demonstration,
    tokenise_judgement,
    tokenise_pair,
)
from services.training.example_limit import at_most
from services.training.rows import DemonstrationLine, Line, PairLine, UnpairedLine, read_lines
from services.training.trainer import TrainingJob
from services.training.validation_split import split_off

logger = logging.getLogger(__name__)

_LINES = {Objective.SFT: DemonstrationLine, Objective.DPO: PairLine, Objective.KTO: UnpairedLine}
_KINDS = {
    Objective.SFT: "demonstrations",
    Objective.DPO: "pairs",
    Objective.KTO: "unpaired examples",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """`number` counts from 1 and, with the objective, names the stage's folder in the workdir.

    `validation` are rows of other prompts than those of `rows`, kept out of the training; `showable` says
    which of them may be shown answered: a question's context is for its asker's eyes alone.
    `beyond_limit` rows of the set are in neither, because the recipe takes no more.
    """

    number: int
    objective: Objective
    rows: Sequence[Tokenised]
    validation: Sequence[Tokenised] = ()
    showable: Sequence[int] = ()
    beyond_limit: int = 0

    @property
    def name(self) -> str:
        return f"{self.number}-{self.objective}"

    @property
    def supervised_tokens(self) -> int:
        return sum(row.supervised_tokens for row in self.rows)

    @property
    def longest(self) -> int:
        return max(row.length for row in self.rows)


def prepare_stages(job: TrainingJob, tokenizer: PreTrainedTokenizerBase) -> list[Stage]:
    """The job's stages, each with rows that teach it something; a TrainingError for the first without.

    RowsTooLong when a row has more tokens than the recipe's max_length.
    """
    lines = list(read_lines(job.rows))
    if not lines:
        raise NothingToLearn("it holds no rows")
    stages = []
    for number, objective in enumerate(job.stages, start=1):
        there = [line for line in lines if isinstance(line, _LINES[objective])]
        taken = at_most(there, job.recipe.training.max_examples)
        rows = _tokenise(taken, tokenizer, chat_template=job.recipe.model.chat_template)
        _check(objective, rows)
        refuse_long_rows(rows, limit=job.recipe.training.max_length)
        learnt, held = split_off(rows, share=job.recipe.training.validation_share)
        _check(objective, learnt)  # it may have been the rows kept out that taught something
        private = {
            tuple(row.prompt_ids) for row, line in zip(rows, taken, strict=True) if has_context(line.messages)
        }
        showable = [place for place, row in enumerate(held) if tuple(row.prompt_ids) not in private]
        stage = Stage(number, objective, learnt, held, showable, len(there) - len(taken))
        logger.info(
            "stage %s: %d rows and %d to validate with (%d beyond max_examples), %d supervised tokens; "
            "one row: %s",
            stage.name,
            len(stage.rows),
            len(held),
            stage.beyond_limit,
            stage.supervised_tokens,
            show_row(stage.rows[0], tokenizer),
        )
        stages.append(stage)
    return stages


def _tokenise(
    lines: Sequence[Line], tokenizer: PreTrainedTokenizerBase, *, chat_template: str
) -> list[Tokenised]:
    rows: list[Tokenised] = []
    for line in lines:
        match line:
            case DemonstrationLine():
                rows.append(tokenise_demonstration(line, tokenizer, chat_template=chat_template))
            case PairLine():
                rows.append(tokenise_pair(line, tokenizer, chat_template=chat_template))
            case UnpairedLine():
                rows.append(tokenise_judgement(line, tokenizer, chat_template=chat_template))
    return rows


def _check(objective: Objective, rows: Sequence[Tokenised]) -> None:
    """Raise unless these rows teach the objective something.

    The token that ends an answer is supervised too, but learning only to end is not learning.
    """
    if not rows:
        raise NothingToLearn(f"the {objective} stage wants {_KINDS[objective]}, and it holds none")
    pairs = [row for row in rows if isinstance(row, TokenisedPair)]
    if pairs and all(pair.chosen_ids == pair.rejected_ids for pair in pairs):
        raise AllPairsEqual(len(pairs))
    if all(row.supervised_tokens <= (2 if pairs else 1) for row in rows):
        raise NoSupervisedTokens(len(rows))
    labels = Counter(row.label for row in rows if isinstance(row, TokenisedJudgement))
    if labels and len(labels) == 1:
        raise OneClassOnly(desirable=labels[True], undesirable=labels[False])

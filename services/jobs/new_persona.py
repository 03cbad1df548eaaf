"""A persona from a form of the app: what it would be asked, and the persona with its seed examples.

Seeds are lines of JSON that people pasted or uploaded, never unpacked and never a path.
"""

from dataclasses import dataclass
from io import BytesIO

from sqlalchemy.orm import Session

from services.adapters.lending import find_lent
from services.db.feedback_tables import PersonaRow
from services.domain.conversation import Message, Question, persona_messages
from services.domain.personas import AUDIENCES, DEFAULT_DOMAIN, check_template
from services.errors.inputs import CannotBeginWith, InvalidRecord
from services.errors.tree import InvalidInput
from services.feedback.personas import PersonaPlan, create_persona
from services.jobs.bases import recipe_of
from services.jobs.installation import now
from services.settings import Settings
from services.training_sets.import_lock import begin_import
from services.training_sets.importers import instructions
from services.training_sets.importers.rows import Reading
from services.training_sets.importing import import_records
from services.training_sets.starting import unlike_recipe

SOURCE = "form"
EXAMPLE = Question("Why is the sea salty?", DEFAULT_DOMAIN, AUDIENCES[0])


@dataclass(frozen=True, slots=True)
class Seeds:
    """`rejected` lines say what is wrong with them; one is enough for nothing to be created."""

    examples: int
    rejected: tuple[InvalidRecord, ...]


def text_of_upload(data: bytes) -> str:
    """What somebody uploaded, as text. Raises InvalidInput for a packed file and for what is no text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInput(
            f"The file is no UTF-8 text (line {line}): upload plain lines of JSON, not packed."
        ) from error
    if "\x00" in text:
        raise InvalidInput("The file is no text, but holds NUL characters: upload plain lines of JSON.")
    return text


def read_seeds(text: str) -> Seeds:
    """What the lines hold; no lines are no examples."""
    if not text.strip():
        return Seeds(0, ())
    reads = list(instructions.read(BytesIO(text.encode("utf-8", "surrogateescape")), Reading()))
    rejected = tuple(read for read in reads if isinstance(read, InvalidRecord))
    return Seeds(len(reads) - len(rejected), rejected)


def check_beginning(session: Session, settings: Settings, row: PersonaRow) -> None:
    """Raises CannotBeginWith unless its first training could begin with the adapter it names, if any."""
    if row.begins_with:
        lent = find_lent(session, row.begins_with)
        if unlike := unlike_recipe(lent, recipe_of(session, settings, row, [])):
            raise CannotBeginWith(row.begins_with, f"it has {unlike} than this persona's recipe")


def prompt_of(plan: PersonaPlan) -> tuple[Message, ...]:
    """What the persona is asked, with an example for a question; InvalidTemplate."""
    check_template(plan.persona.system_template)
    return persona_messages(plan.persona, EXAMPLE)


def create_in(session: Session, settings: Settings, plan: PersonaPlan, seeds: str) -> int:
    """The persona with all its examples, in the caller's transaction: how many those are.

    Raises what `create_persona` and `check_beginning` raise, and InvalidRecord for the first line that cannot
    be used.
    """
    row = create_persona(session, plan, at=now())
    check_beginning(session, settings, row)
    if not seeds.strip():
        return 0
    begin_import(session, row)
    reads = instructions.read(BytesIO(seeds.encode("utf-8", "surrogateescape")), Reading())
    imported = import_records(session, row, reads, source=SOURCE, at=now())
    if imported.rejected:
        raise imported.rejected[0]
    return imported.added

"""Create a persona from a form, learn from its seed file if there is one, and put the result to the gate.

Without a file, or with too few examples in it, training is skipped and the plain base serves the persona.
The first task, cleared and run again, is content with the persona as the form made it, and refuses one that
people have changed since: clear the run from `assemble` on instead.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from dags.limits import LIGHT, refusals_are_final
from dags.retrain_group import APPROVAL, OVERRIDES, retrain

FORM = {
    "slug": Param(
        type="string",
        pattern="^[a-z][a-z0-9-]{1,39}$",
        title="Slug",
        description="2 to 40 lower-case letters, digits and hyphens, starting with a letter.",
    ),
    "display_name": Param(type="string", minLength=1, maxLength=80, title="Name"),
    "prompt_template": Param(
        "You are an expert in {domain}. You are answering a question for a {audience}.",
        type="string",
        minLength=1,
        title="Prompt template",
        description="May contain {domain} and {audience}.",
    ),
    "seed_file": Param(
        None,
        type=["null", "string"],
        title="Seed file",
        description="JSONL of instruction, input and output, at a path the worker can read.",
    ),
    "answer_format": Param(
        "free_text",
        type="string",
        enum=["free_text", "mcq", "saq", "json"],
        title="Format of its answers",
        description="A text, the letter of an option, a short text, or JSON.",
    ),
    "word_limit": Param(
        0, type="integer", minimum=0, maximum=2000, title="Most words", description="Of a text; 0: no limit."
    ),
    "overrides": OVERRIDES,
    "approval": APPROVAL,
}


@dag(schedule=None, params=FORM, doc_md=__doc__, tags=["persona-loop"])
def train_new_persona() -> None:
    @task(**LIGHT)
    def create(params: dict[str, Any]) -> str:
        from services.jobs import personas

        with refusals_are_final():
            return personas.create(
                params["slug"],
                params["display_name"],
                params["prompt_template"],
                seed_file=params["seed_file"],
                overrides=params["overrides"],
                answer_format=params["answer_format"],
                word_limit=params["word_limit"],
            )

    retrain(create())


train_new_persona()

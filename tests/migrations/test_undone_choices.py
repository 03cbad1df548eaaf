"""What was chosen of known pairs stays through the migration that makes the offer its journal, and back."""

import json
from uuid import uuid4

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services.db import migrate
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_comparison, add_persona, add_retraction

FORMS = [str(uuid4()) for _ in range(2)]
ADD = text("""
    INSERT INTO comparison_offers (id, persona_id, rater_id, left_answer_id, right_answer_id, kind, expected,
                                   offered_at, choice, chosen_at, newest_choice, said_by)
    VALUES (gen_random_uuid(), :persona, :rater, :left, :right, 'known', 'left', :at, 'left', :at, 'tie',
            CAST(:forms AS uuid[]))
""")
ADD_OPEN = text("""
    INSERT INTO comparison_offers (id, persona_id, rater_id, left_answer_id, right_answer_id, kind, expected,
                                   offered_at, said)
    VALUES (gen_random_uuid(), :persona, :rater, :left, :right, 'known', 'left', :at, CAST(:said AS jsonb))
""")


def test_the_newest_choice_of_a_known_pair_and_its_forms_stay_forth_and_back(empty_database: Engine):
    migrate.upgrade(empty_database)
    migrate.downgrade(empty_database, "0041_newest_of_known")
    with Session(empty_database) as session, session.begin():
        persona = add_persona(session)
        left, right = add_answer(session, persona), add_answer(session, persona)
        known = {"persona": persona.id, "left": left.id, "right": right.id, "at": AT, "forms": FORMS}
        session.execute(ADD, known | {"rater": new_rater(session, at=AT)})
    migrate.upgrade(empty_database)
    with Session(empty_database) as session:
        said = session.scalar(text("SELECT said FROM comparison_offers"))
        assert [(one["by"], one["choice"]) for one in said] == [(form, "tie") for form in FORMS]
    migrate.downgrade(empty_database, "0041_newest_of_known")
    with Session(empty_database) as session:
        kept = session.execute(
            text("SELECT newest_choice, said_by::text[], choice FROM comparison_offers")
        ).one()
        assert tuple(kept) == ("tie", FORMS, "left")


def test_undone_it_lets_choices_that_were_taken_back_count_again(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        persona = add_persona(session)
        left, right = add_answer(session, persona), add_answer(session, persona)
        add_retraction(session, add_comparison(session, left, right))
    migrate.downgrade(empty_database, "0041_newest_of_known")
    with Session(empty_database) as session:
        assert session.scalar(text("SELECT count(*) FROM retractions")) == 0
        assert session.scalar(text("SELECT count(*) FROM comparisons")) == 1
    migrate.upgrade(empty_database)
    migrate.check(empty_database)


def test_a_known_pair_whose_only_choice_was_taken_back_stays_open_back_and_forth(empty_database: Engine):
    migrate.upgrade(empty_database)
    with Session(empty_database) as session, session.begin():
        persona = add_persona(session)
        left, right = add_answer(session, persona), add_answer(session, persona)
        taken_back = {"by": FORMS[0], "choice": "tie", "at": AT.isoformat(), "taken_back_at": AT.isoformat()}
        known = {"persona": persona.id, "left": left.id, "right": right.id, "at": AT}
        said = {"rater": new_rater(session, at=AT), "said": json.dumps([taken_back])}
        session.execute(ADD_OPEN, known | said)
    migrate.downgrade(empty_database, "0041_newest_of_known")
    migrate.upgrade(empty_database)
    with Session(empty_database) as session:
        told = session.execute(text("SELECT choice, chosen_at, said FROM comparison_offers")).one()
        assert tuple(told) == (None, None, [])

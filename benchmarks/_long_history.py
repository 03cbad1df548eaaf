"""What years of use leave behind for a persona: ratings by the million, versions by the hundred.

Written by INSERT ... SELECT past the triggers, as keys are right by construction. Every version has a set, a
run with its loss curve, a report, a decision, and a time in which it served.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks._filled import Crowd, fill
from services.adapters.canaries import numbers_of
from services.adapters.promotions import version_by_number
from services.domain.canaries import CanaryJudgement, CanaryPolicy, ConversationMean, judge_canary
from services.domain.checks import Asked, Check, Verdict
from services.domain.conversation import Question
from services.domain.evaluation import Item, ItemSource
from services.domain.gate import GATE_VERSION
from services.domain.promotions import BASE_VERSION
from services.domain.style import mean_style
from services.evaluation.reports import store_report
from services.evaluation.scoring import score
from services.evaluation.suites import freeze_suite

_ITEMS = 200  # of a report
_HEARD = 400  # conversations, by as many raters, that the canary's looks tell of
_SAID = (
    """
    INSERT INTO ratings (answer_id, rater_id, stars, reasons, submission, created_at)
    SELECT pg_temp.numbered(4, n), pg_temp.numbered(1, (rater + k) % :raters), 1 + (n + k) % 5,
        CASE WHEN (n + k) % 5 < 2 THEN '["too long"]'::jsonb ELSE '[]' END, gen_random_uuid(), at
    FROM asked, generate_series(0, :ratings_each - 1) k ORDER BY n, k
    """,
    """
    INSERT INTO current_ratings (answer_id, rater_id, rating_id)
    SELECT answer_id, rater_id, id FROM ratings ORDER BY id
    """,
    """
    INSERT INTO corrections (answer_id, rater_id, text, submission, created_at)
    SELECT pg_temp.numbered(4, n), pg_temp.numbered(1, rater), 'Downhill it goes, says ' || n || '.',
        gen_random_uuid(), at
    FROM asked WHERE n % 7 = 0 ORDER BY n
    """,
    # Somebody was given it beside the next answer to the same question, and chose.
    """
    INSERT INTO answer_pairs (persona_id, one_answer_id, other_answer_id, digest, public, of_one_version,
        opinions)
    SELECT :persona, pg_temp.numbered(4, n), pg_temp.numbered(4, n + :prompts), md5(n::text), true, false, 1
    FROM asked WHERE n % 7 = 0 AND n + :prompts < :answers ORDER BY n
    """,
    """
    INSERT INTO comparison_offers (id, persona_id, rater_id, pair_id, left_answer_id, right_answer_id, kind,
        offered_at, choice, chosen_at)
    SELECT gen_random_uuid(), :persona, pg_temp.numbered(1, n / 7 % :raters), p.id, p.one_answer_id,
        p.other_answer_id, 'normal', at, 'left', at
    FROM asked JOIN answer_pairs p ON p.one_answer_id = pg_temp.numbered(4, n)
    """,
    """
    INSERT INTO comparisons (left_answer_id, right_answer_id, rater_id, choice, submission, created_at)
    SELECT left_answer_id, right_answer_id, rater_id, choice, gen_random_uuid(), chosen_at
    FROM comparison_offers ORDER BY chosen_at
    """,
)
_MADE = (
    """
    INSERT INTO training_sets
        (persona_id, cutoff, policy, policy_digest, digest, path, row_count, counts, dropped, created_at)
    SELECT :persona, CAST(:at AS timestamptz) - make_interval(days => :versions - v), '{}', md5(v::text),
        md5(v::text), 'nowhere', 400, '{"rating": 300, "correction": 100}', '{"too old": 12}', :at
    FROM generate_series(1, :versions) v
    """,
    """
    INSERT INTO training_set_sources (training_set_id, kind, ids)
    SELECT s.id, 'correction', ARRAY(SELECT id FROM corrections WHERE created_at <= s.cutoff ORDER BY id)
    FROM training_sets s
    """,
    """
    INSERT INTO training_runs (training_set_id, recipe, recipe_digest, starting_digest, state, step,
        total_steps, loss, started_at, finished_at)
    SELECT id, '{}', 'recipe', '', 'succeeded', 60, 60, 0.3, cutoff, cutoff FROM training_sets
    """,
    """
    INSERT INTO training_points (training_run_id, stage, step, loss, at)
    SELECT id, 0, n, 3.0 / n, started_at FROM training_runs, generate_series(1, 60) n
    """,
    """
    INSERT INTO adapter_versions (persona_id, number, digest, name, training_run_id, provenance, created_at)
    SELECT :persona, row_number() OVER (ORDER BY id), md5(id::text), 'pirate@' || md5(id::text), id,
        '{"base_digest": "base"}', finished_at
    FROM training_runs
    """,
    """
    INSERT INTO evaluation_reports (adapter_version_id, suite_digest, prompt_version, settings_digest, arm,
        metrics, items, created_at)
    SELECT v.id, r.suite_digest, r.prompt_version, r.settings_digest, r.arm, r.metrics, r.items, v.created_at
    FROM evaluation_reports r, adapter_versions v WHERE v.number > 0 ORDER BY v.number
    """,
    """
    INSERT INTO gate_decisions (candidate_report_id, champion_report_id, anchor_report_id, policy,
        policy_digest, gate_version, verdict, checks, created_at)
    SELECT r.id, CASE WHEN v.number = 1 THEN :base_report ELSE r.id - 1 END, :base_report, '{}', 'policy',
        :gate, 'PASS', CAST(:checks AS jsonb), v.created_at
    FROM evaluation_reports r JOIN adapter_versions v ON v.id = r.adapter_version_id
    WHERE v.number > 0 ORDER BY v.number
    """,
    # The newest is a canary still.
    """
    INSERT INTO promotions (persona_id, adapter_version_id, kind, share, decision_id, actor, reason, at)
    SELECT :persona, v.id, CASE WHEN v.number < :versions THEN 'full' ELSE 'canary' END,
        CASE WHEN v.number = :versions THEN 0.5 END, d.id, 'nightly', 'the gate said PASS', d.created_at
    FROM gate_decisions d
    JOIN evaluation_reports r ON r.id = d.candidate_report_id
    JOIN adapter_versions v ON v.id = r.adapter_version_id
    ORDER BY d.id
    """,
    """
    INSERT INTO canary_looks (promotion_id, verdict, numbers, sentence, at)
    SELECT id, 'keep', CAST(:seen AS jsonb), :told, at
    FROM promotions, generate_series(1, :versions) WHERE kind = 'canary'
    """,
    # What was asked by day so many was answered by the version of that day.
    """
    UPDATE answers a SET adapter_version_id = v.id, served_name = v.name
    FROM adapter_versions v
    WHERE v.number = 1 + (hashtext(a.id::text)::bigint & 1023) % :versions AND v.persona_id = :persona
    """,
)


@dataclass(frozen=True, slots=True)
class Years:
    crowd: Crowd
    ratings_each: int  # of an answer
    versions: int


def fill_years(session: Session, years: Years, *, at: datetime) -> None:
    """As `fill`, and what became of it; the session is of the tables' owner."""
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text("SET LOCAL synchronous_commit = off"))
    persona = fill(session, years.crowd, at=at)
    base = version_by_number(session, persona, BASE_VERSION)
    items = [
        Item(f"key {n}", ItemSource.BANK, Question(f"Is it {n}?", "music", "student"), "So.", "oslo")
        for n in range(_ITEMS)
    ]
    scores = [score(one, "Oslo.", seed=1, markers=("arr",), log_probabilities=()) for one in items]
    suite = freeze_suite(session, persona, items, at=at)
    report = store_report(
        session, version_id=base.id, suite_digest=suite, settings_digest="s", scores=scores, at=at
    )
    looked = _looked()
    values = {
        "persona": persona.id,
        "at": at,
        "raters": years.crowd.raters,
        "answers": years.crowd.answers,
        "prompts": years.crowd.prompts,
        "ratings_each": years.ratings_each,
        "versions": years.versions,
        "base_report": report,
        "gate": GATE_VERSION,
        "checks": json.dumps([asdict(_check(name)) for name in ("style_hit", "fact_hit", "loss")]),
        "seen": json.dumps(numbers_of(looked)),
        "told": looked.sentence,
    }
    for statement in (*_SAID, *_MADE):
        session.execute(text(statement), values)


def _looked() -> CanaryJudgement:
    style = mean_style(["Arr, downhill it goes."])
    heard = [
        ConversationMean(value=n % 5 / 4, canary=n % 2 == 0, propensity=0.5, rater=str(n), style=style)
        for n in range(_HEARD)
    ]
    return judge_canary(heard, CanaryPolicy())


def _check(metric: str) -> Check:
    return Check(
        asked=Asked.LIMIT,
        metric=metric,
        slice="overall",
        against=None,
        required=0.5,
        items=_ITEMS,
        verdict=Verdict.PASS,
        reason="0.900 is at least 0.500",
    )

"""Figures of the loop at this moment, for whoever draws them over time: read from the database, so that every
process tells the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Figure:
    """One series: a name, what it says, and a value for each set of labels; the names of labels are fixed.

    `growing`: it only ever grows (an erasure aside).
    """

    name: str
    says: str
    growing: bool
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...]


_NEWEST = "(SELECT max(at) FROM promotions m WHERE m.persona_id = p.id AND m.kind IN ('full', 'canary'))"
# Columns: labels, then the value. Personas are as many as curators made.
_QUERIES: tuple[tuple[str, str, bool, tuple[str, ...], str], ...] = (
    (
        "persona_loop_asks",
        "Questions asked.",
        True,
        ("persona",),
        "SELECT p.slug, count(q.id) FROM personas p LEFT JOIN conversations c ON c.persona_id = p.id "
        "LEFT JOIN questions q ON q.conversation_id = c.id GROUP BY 1",
    ),
    ("persona_loop_answers", "Answers given or imported.", True, (), "SELECT count(*) FROM answers"),
    (
        "persona_loop_ratings",
        "Ratings said, those changed later too.",
        True,
        (),
        "SELECT count(*) FROM ratings",
    ),
    ("persona_loop_corrections", "Better answers written.", True, (), "SELECT count(*) FROM corrections"),
    ("persona_loop_comments", "Comments written.", True, (), "SELECT count(*) FROM comments"),
    (
        "persona_loop_versions",
        "Versions trained, the plain base not counted.",
        True,
        ("persona",),
        "SELECT p.slug, count(v.id) FILTER (WHERE v.number > 0) FROM personas p "
        "LEFT JOIN adapter_versions v ON v.persona_id = p.id GROUP BY 1",
    ),
    (
        "persona_loop_decisions",
        "Decisions of the gate.",
        True,
        ("persona", "verdict"),
        "SELECT p.slug, d.verdict, count(*) FROM gate_decisions d "
        "JOIN evaluation_reports r ON r.id = d.candidate_report_id "
        "JOIN adapter_versions v ON v.id = r.adapter_version_id "
        "JOIN personas p ON p.id = v.persona_id GROUP BY 1, 2",
    ),
    (
        "persona_loop_training_runs",
        "Training runs by state.",
        False,
        ("state",),
        "SELECT state, count(*) FROM training_runs GROUP BY 1",
    ),
    (
        "persona_loop_promotions",
        "Moves in the ledger.",
        True,
        ("persona", "kind"),
        "SELECT p.slug, m.kind, count(*) FROM promotions m JOIN personas p ON p.id = m.persona_id "
        "GROUP BY 1, 2",
    ),
    (
        "persona_loop_open_alerts",
        "Alerts that are not over.",
        False,
        ("kind",),
        "SELECT kind, count(*) FROM alerts WHERE over_at IS NULL GROUP BY 1",
    ),
    (
        "persona_loop_nights_without_promotion",
        "Nights that looked at the persona since a version of it was last promoted, or tried in a canary.",
        False,
        ("persona",),
        "SELECT p.slug, (SELECT count(DISTINCT n.cutoff) FROM (SELECT persona_id, cutoff FROM training_sets "  # noqa: S608
        "UNION SELECT persona_id, cutoff FROM skipped_nights) n "
        f"WHERE n.persona_id = p.id AND n.cutoff > coalesce({_NEWEST}, '-infinity')) FROM personas p",
    ),
)


def loop_figures(session: Session) -> Iterator[Figure]:
    """Every figure, each by one statement."""
    for name, says, growing, labels, query in _QUERIES:
        rows = [tuple(row) for row in session.execute(text(query))]
        values = tuple((tuple(map(str, row[:-1])), float(row[-1])) for row in rows)
        yield Figure(name, says, growing, labels, values)

"""A decision's page as one file that needs no service: the app's template, style and drawings inside."""

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.db.session import session_scope
from services.errors.tree import InvalidInput
from services.evaluation import wording
from services.evaluation.check_lines import CheckLine, intervals
from services.evaluation.interval_chart import interval_chart
from services.evaluation.report_page import ChangedAnswers, DecisionPage, changed_answers, decision_page
from services.jobs.installation import now, open_installation
from services.settings import ROOT

NARROW, WIDE = 360, 720  # pixels of a drawing

_PAGES = ROOT / "feedback_app"
_STYLES = ("style.css", "curating.css")  # as the page in the app links them


def write_report(decision_id: int, out: Path) -> Path:
    """The file, written anew. Raises UnknownRecord, and InvalidInput where it cannot be written."""
    with open_installation() as installation, session_scope(installation.engine) as session:
        text = render(decision_page(session, decision_id, at=now()), changed_answers(session, decision_id))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written ({error.strerror}): name another file.") from error
    return out


def render(page: DecisionPage, answers: ChangedAnswers) -> str:
    """The whole file as text; every text of people and models in it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_PAGES / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined] # a file is in English
    words = (wording.title_of, wording.figure, wording.signed, wording.moment, wording.breakable)
    environment.filters |= {one.__name__: one for one in words}
    environment.filters |= {"numberformat": "{:,}".format, "percentformat": "{:.0%}".format}
    environment.filters |= {"word": str, "isolated": str}
    return environment.get_template("decision_file.html").render(
        page=page,
        answers=answers,
        link=_nowhere,
        drawn={
            "wide": _inside(draw(page.id, page.checks, width=WIDE)),
            "narrow": _inside(draw(page.id, page.checks, width=NARROW)),
            "words": " ".join(one.sentence for one in intervals(page.checks)),
        },
        style="".join((_PAGES / "static" / name).read_text(encoding="utf-8") for name in _STYLES),
    )


def draw(decision_id: int, checks: Sequence[CheckLine], *, width: int) -> str:
    """The intervals of a decision as SVG."""
    return interval_chart(intervals(checks), title=f"What decision {decision_id} rests on", width=width)


def _nowhere(endpoint: str, **values: object) -> str:  # noqa: ARG001 - a file leads to no page of the app
    return ""


def _inside(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"

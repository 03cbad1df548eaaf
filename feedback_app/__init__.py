"""The feedback app: people choose a persona, ask it, and rate, correct and comment on its answers.

Pages, all plain HTML forms that work without JavaScript (POST, then 303 to a GET); what asks is answered with
server-sent events instead where a script accepts them (`streaming`):

    GET  /                          the personas
    GET  /p/<slug>                  one persona, with the form to ask it
    POST /p/<slug>/ask              question, submission [context, domain, audience, format] -> 303 answers
    POST /stop                      submission: enough of the answer being written  -> 204
    GET  /answers/<uuid>            what was said before, question, answer, forms to go on and to rate
    GET  /answers/<uuid>/why        why it is as it is, for its asker and for curators
    POST /answers/<uuid>/rate       stars or thumb, submission [reasons]          -> 303 /answers/<uuid>
    POST /answers/<uuid>/correct    text, submission                              -> 303 /answers/<uuid>
    POST /answers/<uuid>/comment    text, submission                              -> 303 /answers/<uuid>
    POST /answers/<uuid>/undo       said, said_id: within a minute                -> 303 /answers/<uuid>
    POST /answers/<uuid>/ask        question, submission: what was said before is its context -> 303 answers
    POST /answers/<uuid>/again      persona, submission: the same question once more          -> 303 answers
    GET  /peers/<uuid>              somebody else's answer that the rater was offered to rate
    POST /peers/<uuid>/rate         stars or thumb, submission [reasons]          -> 303 /peers/<uuid>
    POST /peers/<uuid>/undo         said, said_id: within a minute                -> 303 /peers/<uuid>
    GET  /compare                   two answers to one question, if they wait, or the personas to compare of
    GET  /p/<slug>/compare          likewise, of one persona
    POST /p/<slug>/compare          asks for two answers                          -> 303 /comparisons/<uuid>
    POST /answers/<uuid>/compare    this one beside another that one got          -> 303 /comparisons/<uuid>
    GET  /comparisons/<uuid>        two answers that the rater was offered, without telling whose they are
    POST /comparisons/<uuid>        choice, submission                            -> 303 the next two
    GET  /p/<slug>/runs             the persona's training runs, newest first
    GET  /runs/<number>             one of them; renews itself while it runs, unless asked to stand [still]
    GET  /runs/<number>/loss.svg    its loss curve [width], and likewise memory.svg
    GET  /p/<slug>/ledger           who served when, why and by whom; what was live at an instant [at]
    GET  /p/<slug>/live             why what serves now does: decision, evidence, set, recipe
    GET  /curate                    every persona, for curators, archived ones too
    GET  /curate/new                the form for a new persona, by a curator
    POST /curate/new                slug, name, template, …, do; shows it, or      -> 303 /p/<slug>/curate
    GET  /p/<slug>/curate           a curator's page of it; likewise {metrics,ratings,canary}.svg [width]
    POST /p/<slug>/curate/retrain   submission, by a curator; Airflow runs it     -> 303 /p/<slug>/curate
    POST /p/<slug>/curate/move      version, reason, by a promoter                -> 303 /p/<slug>/curate
    POST /p/<slug>/curate/state     state, reason, by a curator                   -> 303 /p/<slug>/curate
    GET  /p/<slug>/review           what waits for a curator's review, oldest first [after]
    GET  /p/<slug>/review/<uuid>    an answer with everything said of it
    POST /p/<slug>/review/<uuid>/take    nobody else decides for a while; likewise leave -> 303 the same
    POST /p/<slug>/review/<uuid>/decide  of, verdict, submission [reason]         -> 303 the same
    GET  /p/<slug>/curate/policy    the rules that people change most
    POST /p/<slug>/curate/policy    minimum_rows, …, approval, by a curator       -> 303 /p/<slug>/curate
    GET  /admin/accounts            accounts and open invitations, for admins
    POST /admin/accounts            name, act [role]                              -> 303 /admin/accounts
    POST /admin/invitations         role; the page has the link, once
    POST /admin/invitations/<number>/withdraw                                     -> 303 /admin/accounts
    GET  /admin/audit               the audit log, newest first [before]
    GET  /decisions/<number>        what the gate said of a candidate; likewise intervals.svg [width]
    POST /decisions/<number>/approve  reason, by a promoter                       -> 303 /decisions/<number>
    GET  /decisions/<number>/judge  -> 303 to the two reports it rests on:
    GET  /judge/<report>/<report>   a curator's next two answers, without telling whose they are
    POST /judge/<report>/<report>   item, choice                                  -> 303 the next two
    GET  /sign-in                   for who has an account [to]
    POST /sign-in                   name, password, to                            -> 303 to
    POST /language                  language, to: what every page speaks          -> 303 to
    POST /sign-out                  -> 303 /
    GET  /invitations/<token>       the form that makes an account
    POST /invitations/<token>       name, password                                -> 303 /account
    GET  /account                   one's own
    POST /account/password          old, new                                      -> 303 /account
    POST /account/leave-everywhere  -> 303 /sign-in
    GET  /history                   one's own questions, newest first
    GET  /your-data                 what is kept of the rater, and what for
    GET  /your-data/export          all of it (JSON)
    POST /your-data/delete          sure                                          -> 303 /your-data
    …    /api/v1/…                  for chats of other people's, with a client's token (JSON): `api`
    GET  /healthz                   200 when the process is up (JSON)
    GET  /readyz                    200 when database and inference server answer, else 503 (JSON)
    GET  /metrics                   for Prometheus, with METRICS_TOKEN

Every form carries `csrf_token` and `submission`, an id the server made when it rendered the form, under
which the same question sent twice has one answer and the same feedback sent twice counts once. What an
answer came from is stamped by services and never read from a form. No module here imports torch; only
`wsgi` reads the environment.
"""

from flask import Flask
from flask_bootstrap import Bootstrap5
from sqlalchemy import Engine

from feedback_app import (
    accounts,
    administering,
    answers,
    asking,
    comparing,
    conversations,
    curating,
    decisions,
    error_pages,
    health,
    history,
    judging,
    known_browsers,
    languages,
    ledger,
    limits,
    metrics,
    new_persona,
    own_data,
    peers,
    personas,
    policies,
    raters,
    request_log,
    reviewing,
    runs,
    security,
    signing_in,
    why,
    wording,
)
from feedback_app.api import routes as api
from feedback_app.asks_under_way import AsksUnderWay
from feedback_app.backend import Backend
from services.db.session import make_single_engine
from services.evaluation.arms import KeptSentences
from services.language_model.asking import Generator
from services.settings import Settings
from services.training_sets.word_index import KeptIndexes

PAGES = (
    personas,
    curating,
    reviewing,
    new_persona,
    policies,
    runs,
    ledger,
    decisions,
    judging,
    accounts,
    administering,
    answers,
    why,
    conversations,
    asking,
    peers,
    comparing,
    history,
    own_data,
    health,
    metrics,
)


def create_app(settings: Settings, *, engine: Engine, generator: Generator) -> Flask:
    app = Flask(__name__)
    single = make_single_engine(engine.url, pool_size=max(1, settings.feedback_threads // 2))
    app.extensions[Backend.KEY] = Backend(
        settings=settings,
        engine=engine,
        single=single,
        generator=generator,
        asks=AsksUnderWay.beside_others(engine, settings.feedback_threads),
        notes=KeptSentences(),
        rated_days={},
        indexes=KeptIndexes(),
    )
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    request_log.install(app)
    metrics.install(app)
    raters.install(app)
    known_browsers.install(app)
    limits.install(app, settings, single)
    security.install(app, secret_key=settings.secret_key.get_secret_value(), proxies=settings.proxies)
    signing_in.install(app)
    languages.install(app)
    wording.install(app)
    error_pages.install(app)
    for module in PAGES:
        app.register_blueprint(module.blueprint)
    api.install(app)
    return app

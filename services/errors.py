"""Every error of persona-loop, as one tree. Nothing here knows HTTP or exit codes; edges map classes.

PersonaLoopError
├── InvalidInput              what a person sent cannot be used as it is
│   ├── InvalidSlug
│   ├── EmptyText · TextTooLong · ForbiddenCharacter
│   ├── StarsOutOfRange · CorrectionUnchanged
│   ├── InvalidTemplate
│   ├── InvalidRecord         one line of an imported file
│   ├── InvalidRecipe         an unknown key, a misspelt override
│   ├── InvalidPolicy
│   └── InvalidOpinions       arrays of opinions that do not fit together
├── NotFound
│   ├── UnknownPersona · UnknownAnswer · UnknownVersion · UnknownRecord
├── Refused                   well-formed, but the rules say no
│   ├── PersonaExists
│   ├── VersionNeverServed · VersionServesAlready · VersionServedBefore · VersionUnsound · NothingToRollBackTo
│   ├── NotPassed             a promotion without a PASS
│   ├── DecisionOutdated      a PASS against a champion that serves no more
│   ├── ReportsNotComparable
│   ├── NothingToJudge
│   ├── AirflowRefused        a form, a DAG or a run that Airflow does not take
│   └── NotTheAsker           a rater acting on another rater's answer
├── Unavailable               try again, or start something first
│   ├── DatabaseUnavailable · EmbeddedDatabaseFailed · AirflowUnavailable
│   ├── InferenceUnavailable · InferenceBusy
│   ├── RunTooSlow            a DAG run that did not end in time
│   ├── ServiceDied           a process of the service ended by itself
│   ├── ServiceTooSlow        parts of the service that are not healthy in time
│   ├── VisitFailed           the web app did not serve a simulated person
│   ├── PortTaken · ServiceRuns · AdapterStoreUnavailable
│   ├── AnotherBaseServed     an adapter of one base, a server that holds another
│   └── SettingsMissing
├── ArtifactError
│   ├── AdapterCorrupt · AdapterMissing · AdapterExists · AdapterRefused
│   ├── BaseModelMissing
│   └── TrainingSetCorrupt
├── TrainingError
│   ├── NoSupervisedTokens
│   ├── ModuleMatchesNothing
│   ├── NothingToLearn
│   ├── RowsTooLong
│   └── RunBusy
└── DemoFailed                the demo did not show what it is there to show
"""


class PersonaLoopError(Exception):
    """Base of the tree: its text is one sentence that says what happened and what to do."""


class InvalidInput(PersonaLoopError):
    pass


class InvalidSlug(InvalidInput):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"{slug[:60]!r} is not a persona slug: use 2 to 40 lower-case letters, digits and hyphens, "
            "starting with a letter."
        )


class EmptyText(InvalidInput):
    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"The {field} is empty: write something in it and send it again.")


class TextTooLong(InvalidInput):
    def __init__(self, field: str, *, length: int, limit: int, unit: str = "characters") -> None:
        self.field, self.length, self.limit, self.unit = field, length, limit, unit
        super().__init__(
            f"The {field} has {length:,} {unit} and the limit is {limit:,}: shorten it and send it again."
        )


class ForbiddenCharacter(InvalidInput):
    def __init__(self, field: str, character: str) -> None:
        self.field, self.character = field, character
        super().__init__(f"The {field} contains {character}, which cannot be stored: remove it.")


class StarsOutOfRange(InvalidInput):
    def __init__(self, stars: int) -> None:
        self.stars = stars
        super().__init__(f"A rating of {stars} does not exist: choose 1, 2, 3, 4 or 5 stars.")


class CorrectionUnchanged(InvalidInput):
    def __init__(self) -> None:
        super().__init__(
            "The better answer says what the answer says: change it, or give stars instead if it is good."
        )


class InvalidTemplate(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The prompt template cannot be used ({reason}): it may contain {{domain}} and {{audience}} "
            "and no other braces."
        )


class InvalidRecord(InvalidInput):
    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(f"Line {line} cannot be read ({reason}): correct it and import the file again.")


class InvalidRecipe(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The recipe cannot be composed: {reason}")


class InvalidPolicy(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The policy cannot be used: {reason}")


class InvalidOpinions(InvalidInput):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"These opinions cannot be reconciled ({reason}): read them from the journal again.")


class NotFound(PersonaLoopError):
    pass


class UnknownPersona(NotFound):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"There is no persona {slug[:60]!r}: `persona-loop persona list` shows those there are."
        )


class UnknownAnswer(NotFound):
    def __init__(self, answer_id: object) -> None:
        self.answer_id = answer_id
        super().__init__("There is no such answer: open it again from your history.")


class UnknownVersion(NotFound):
    def __init__(self, slug: str, version: object) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Persona {slug!r} has no version {version}: `persona-loop versions {slug}` shows those it has."
        )


class UnknownRecord(NotFound):
    """A training set, run, report or decision asked for by an id that does not exist."""

    def __init__(self, kind: str, record_id: object) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(f"There is no {kind} {record_id}: `persona-loop status` shows the newest ones.")


class Refused(PersonaLoopError):
    pass


class PersonaExists(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"There is already a persona {slug!r}: choose another slug.")


class VersionNeverServed(Refused):
    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Version {version} of {slug!r} never served anyone, so it cannot be put back: "
            "choose one that the ledger names, or promote it through the gate."
        )


class VersionServesAlready(Refused):
    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(f"Version {version} of {slug!r} serves already: there is nothing to change.")


class VersionServedBefore(Refused):
    """Somebody took it back, or a later one replaced it: only a person's word puts it in place again."""

    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Version {version} of {slug!r} served before and was replaced: "
            f"`persona-loop rollback {slug} --to {version}` puts it back."
        )


class VersionUnsound(Refused):
    def __init__(self, slug: str, version: int, reason: str) -> None:
        self.slug, self.version, self.reason = slug, version, reason
        super().__init__(
            f"Version {version} of {slug!r} is marked unsound ({reason}): choose another version, or "
            "restore its files and roll back to it by its number."
        )


class NothingToRollBackTo(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"Persona {slug!r} is served by its plain base already: there is nothing before it.")


class NotPassed(Refused):
    def __init__(self, decision_id: int, verdict: str) -> None:
        self.decision_id, self.verdict = decision_id, verdict
        super().__init__(
            f"Decision {decision_id} is {verdict}, and only PASS may be promoted: "
            f"`persona-loop gate --show {decision_id}` says what was missing."
        )


class DecisionOutdated(Refused):
    def __init__(self, decision_id: int, *, judged_against: int, serves: int) -> None:
        self.decision_id, self.judged_against, self.serves = decision_id, judged_against, serves
        super().__init__(
            f"Decision {decision_id} compared with version {judged_against}, and version {serves} serves by "
            "now: evaluate the candidate again and let the gate decide anew."
        )


class ReportsNotComparable(Refused):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"These reports cannot be compared ({reason}): evaluate both again on one suite.")


class NothingToJudge(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"Persona {slug!r} had neither held-out prompts with references nor evaluation items at that "
            f"cutoff: collect more feedback, or add items with `persona-loop persona items {slug} FILE`, and "
            "train again."
        )


class NotTheAsker(Refused):
    def __init__(self) -> None:
        super().__init__("This answer belongs to another rater: open one of your own answers.")


class AirflowRefused(Refused):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Airflow refused ({reason}): correct the form and send it again.")


class Unavailable(PersonaLoopError):
    pass


class DatabaseUnavailable(Unavailable):
    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"The database at {where} does not answer: start the service with `make up`, "
            "or check DATABASE_URL."
        )


class EmbeddedDatabaseFailed(Unavailable):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The embedded PostgreSQL failed ({reason}): correct that, or set DATABASE_URL to another server."
        )


class InferenceUnavailable(Unavailable):
    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"The inference server at {url} does not answer: wait until it has loaded, "
            "or start the service with `make up`."
        )


class InferenceBusy(Unavailable):
    def __init__(self) -> None:
        super().__init__("The inference server has a full queue: try again in a few seconds.")


class VisitFailed(Unavailable):
    def __init__(self, request: str, *, reason: str) -> None:
        self.request, self.reason = request, reason
        super().__init__(
            f"A simulated person was not served ({request}: {reason}): see the log of the feedback app."
        )


class PortTaken(Unavailable):
    def __init__(self, name: str, port: int) -> None:
        self.name, self.port = name, port
        super().__init__(
            f"Port {port} is taken by another program: stop that program, or set {name} to a free port."
        )


class ServiceRuns(Unavailable):
    def __init__(self, var_dir: str) -> None:
        self.var_dir = var_dir
        super().__init__(
            f"The service runs already in {var_dir}: stop it first, or set VAR_DIR to another folder."
        )


class SettingsMissing(Unavailable):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(
            f"These settings are missing or wrong: {', '.join(names)}. "
            "`make up` generates the secrets; set the others in the environment."
        )


class AirflowUnavailable(Unavailable):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"Airflow at {url} does not answer ({reason}): start the service with `make up`.")


class AdapterStoreUnavailable(Unavailable):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"The adapter store at {url} cannot be opened ({reason}): check ADAPTER_STORE.")


class AnotherBaseServed(Unavailable):
    """Nothing is wrong with the adapter: the server was started with another base than it was trained on."""

    def __init__(self, name: str, *, trained_on: str, served: str) -> None:
        self.name, self.trained_on, self.served = name, trained_on, served
        super().__init__(
            f"Adapter {name} was trained on {trained_on} and the inference server holds {served}: "
            "set BASE_MODEL back, or roll the persona back to version 0 and train it anew."
        )


class RunTooSlow(Unavailable):
    def __init__(self, dag_id: str, run_id: str, seconds: float) -> None:
        self.dag_id, self.run_id, self.seconds = dag_id, run_id, seconds
        super().__init__(
            f"Run {run_id} of {dag_id} has not ended after {seconds:.0f} seconds: "
            "look at its tasks in Airflow's pages."
        )


class ServiceDied(Unavailable):
    def __init__(self, name: str, returncode: int, reason: str, log: str) -> None:
        self.name, self.returncode, self.reason, self.log = name, returncode, reason, log
        super().__init__(f"The process {name} ended with code {returncode} ({reason}): read {log}.")


class ServiceTooSlow(Unavailable):
    def __init__(self, parts: tuple[str, ...], logs: str) -> None:
        self.parts, self.logs = parts, logs
        super().__init__(f"Not healthy in time: {', '.join(parts)}. Read their files under {logs}.")


class ArtifactError(PersonaLoopError):
    pass


class AdapterCorrupt(ArtifactError):
    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"Adapter {name} is damaged ({reason}) and will not be served: "
            "restore it from a backup or roll back to another version."
        )


class AdapterMissing(ArtifactError):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The adapter store holds no adapter {name}: restore it from a backup.")


class AdapterExists(ArtifactError):
    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(f"The adapter store already holds {place}, and what it holds is never replaced.")


class AdapterRefused(ArtifactError):
    """A folder offered to the store that is not a finished adapter in safetensors."""

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(
            f"The adapter in {place} cannot be published ({reason}): train it again, the store takes "
            "finished PEFT folders in safetensors only."
        )


class BaseModelMissing(ArtifactError):
    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(
            f"The base model {name!r} cannot be loaded ({reason}): set BASE_MODEL to a model folder "
            "or a hub name this machine can reach."
        )


class TrainingSetCorrupt(ArtifactError):
    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"The training set at {place} does not match its digest: assemble it again under a new cutoff."
        )


class TrainingError(PersonaLoopError):
    pass


class NoSupervisedTokens(TrainingError):
    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__(
            f"None of the {rows} rows has a token to learn from after rendering: check the chat template "
            "and training.max_length."
        )


class ModuleMatchesNothing(TrainingError):
    def __init__(self, modules: tuple[str, ...], available: tuple[str, ...]) -> None:
        self.modules, self.available = modules, available
        super().__init__(
            f"lora.target_modules names {', '.join(modules)}, which this base does not have: "
            f"choose among {', '.join(available)} or all-linear."
        )


class NothingToLearn(TrainingError):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"There is nothing to learn from this training set: {reason}.")


class RowsTooLong(TrainingError):
    """Rows are never cut silently; assembly drops and counts those that do not fit."""

    def __init__(self, rows: int, *, longest: int, limit: int) -> None:
        self.rows, self.longest, self.limit = rows, longest, limit
        super().__init__(
            f"{rows} rows have more than {limit:,} tokens (the longest has {longest:,}): assemble the "
            "training set again for this base, or raise training.max_length if the base can read that much."
        )


class RunBusy(TrainingError):
    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        super().__init__(f"Training run {run_id} is being worked on by another process: wait for it to end.")


class DemoFailed(PersonaLoopError):
    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(f"The demo did not hold: {'; '.join(problems)}. See the logs in VAR_DIR/log.")

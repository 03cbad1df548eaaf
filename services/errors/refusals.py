"""Well-formed, but the rules say no. The tree is drawn in `tree`."""

from datetime import UTC, datetime

from services.errors.tree import Refused


class PersonaExists(Refused):
    """`differences`: in what it is not as the form says that would be content with an equal one."""

    def __init__(self, slug: str, differences: tuple[str, ...] = ()) -> None:
        self.slug, self.differences = slug, differences
        advice = "choose another slug"
        if differences:
            advice = (
                f"its {', '.join(differences)} differ from this form, or were changed since it was sent. "
                "Choose another slug for a new persona; to train that one as it is, use "
                f"`persona-loop assemble {slug}` and `persona-loop train`, or wait for the night"
            )
        super().__init__(f"There is already a persona {slug!r}: {advice}.")


class RouteRefused(Refused):
    def __init__(self, slug: str, target: str, reason: str) -> None:
        self.slug, self.target, self.reason = slug, target, reason
        super().__init__(
            f"{target!r} cannot answer for {slug!r}: {reason}. Name a persona of another format that neither "
            "has routes nor is asked by one."
        )


class VersionNeverServed(Refused):
    def __init__(self, slug: str, version: int, *, tried: bool) -> None:
        self.slug, self.version, self.tried = slug, version, tried
        served = (
            "answered some conversations in a canary and never everyone" if tried else "never served anyone"
        )
        super().__init__(
            f"Version {version} of {slug!r} {served}, so it cannot be put back: choose one that "
            f"`persona-loop ledger show {slug}` names for more than a canary, or promote it through the gate."
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


class VersionRemoved(Refused):
    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"The files of version {version} of {slug!r} were removed by retention: choose another version, "
            "or train its set again."
        )


class VersionTainted(Refused):
    """What a model has learnt cannot be taken out of it."""

    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Version {version} of {slug!r} learnt from a rater who was erased, so it is never put in place "
            "again: choose another version, or let a night train one."
        )


class NothingToRollBackTo(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"Persona {slug!r} is served by its plain base already: there is nothing before it.")


class NotPassed(Refused):
    _rule = "only PASS may be promoted"

    def __init__(self, decision_id: int, verdict: str) -> None:
        self.decision_id, self.verdict = decision_id, verdict
        missing = f"`persona-loop gate show {decision_id}` says what was missing"
        if verdict == "INSUFFICIENT":
            missing += f', and `persona-loop canary start {decision_id} --reason "…"` tries it on some people'
        super().__init__(f"Decision {decision_id} is {verdict}, and {self._rule}: {missing}.")


class NotToBeTried(NotPassed):
    _rule = "a canary takes PASS, or INSUFFICIENT with a written reason"


class NotToBeApproved(NotPassed):
    _rule = "only PASS, or INSUFFICIENT on its way to a canary, may be approved"


class NotApproved(Refused):
    """Its policy asks for somebody's word."""

    def __init__(self, decision_id: int) -> None:
        self.decision_id = decision_id
        super().__init__(
            f"Decision {decision_id} waits for an approval: look at it with `persona-loop gate show "
            f'{decision_id}`, then `persona-loop approve {decision_id} --reason "…"` and `persona-loop '
            f"promote {decision_id}`."
        )


class SetLearntNow(Refused):
    def __init__(self, training_set_id: int, *, other: int, run_id: int) -> None:
        self.training_set_id, self.other, self.run_id = training_set_id, other, run_id
        super().__init__(
            f"Training set {training_set_id} has the same rows as set {other}, which training run {run_id} "
            "learns now: wait for that to end, nothing was trained a second time."
        )


class TrainingUnderWay(Refused):
    """`dag_id` and `run_id` are Airflow's words for the run that trains, or will."""

    def __init__(self, slug: str, *, dag_id: str, run_id: str) -> None:
        self.slug, self.dag_id, self.run_id = slug, dag_id, run_id
        super().__init__(
            f"Nothing was started: a training of {slug!r} waits or is under way already ({dag_id} {run_id}). "
            "Wait for it to end."
        )


class TooLittleNew(Refused):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Nothing was started, as nothing would be learnt: {reason}.")


class CanaryOpen(Refused):
    def __init__(self, slug: str, version: int) -> None:
        self.slug, self.version = slug, version
        super().__init__(
            f"Version {version} of {slug!r} is in a canary: wait until that is decided, or end it with "
            f'`persona-loop canary stop {slug} --reason "…"`.'
        )


class CanaryCoolingDown(Refused):
    """Its ratings took a version back, and nothing is tried on people for a while."""

    def __init__(self, slug: str, version: int, until: datetime) -> None:
        self.slug, self.version, self.until = slug, version, until
        super().__init__(
            f"The canary of version {version} of {slug!r} was rolled back by its ratings: wait until "
            f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
        )


class CanaryEnded(Refused):
    def __init__(self, decision_id: int, slug: str) -> None:
        self.decision_id, self.slug = decision_id, slug
        super().__init__(
            f"Decision {decision_id} had its canary, and that ended as `persona-loop ledger show {slug}` "
            "says: let the gate decide on a newer report."
        )


class NoCanary(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"No canary of {slug!r} is open: `persona-loop ledger show {slug}` shows those there were."
        )


class DecisionOutdated(Refused):
    def __init__(self, decision_id: int, *, judged_against: int, serves: int) -> None:
        self.decision_id, self.judged_against, self.serves = decision_id, judged_against, serves
        super().__init__(
            f"Decision {decision_id} compared with version {judged_against}, and version {serves} serves by "
            "now: evaluate the candidate again and let the gate decide anew."
        )


class AnchorChanged(Refused):
    def __init__(self, decision_id: int, *, held_against: int, anchor: int) -> None:
        self.decision_id, self.held_against, self.anchor = decision_id, held_against, anchor
        super().__init__(
            f"Decision {decision_id} held the candidate against version {held_against} as the anchor, and "
            f"that is version {anchor} by now: evaluate the candidate again and let the gate decide anew."
        )


class AnchorNotAsked(Refused):
    def __init__(self, anchor: int, *, report_id: int, version_id: int) -> None:
        self.anchor, self.report_id, self.version_id = anchor, report_id, version_id
        super().__init__(
            f"The anchor, version {anchor}, was not asked what report {report_id} was under the same "
            f"settings: evaluate the candidate again with `persona-loop evaluate {version_id}`."
        )


class GateChanged(Refused):
    def __init__(self, decision_id: int, *, made_by: int, this: int) -> None:
        self.decision_id, self.made_by, self.this = decision_id, made_by, this
        super().__init__(
            f"Decision {decision_id} was made by version {made_by} of the gate, and this is version {this}: "
            "let this one decide anew on the candidate; only a release of its time replays or promotes it."
        )


class FingerprintChanged(Refused):
    """`differences`: what is not as it was when the candidate's report was made."""

    def __init__(self, decision_id: int, differences: tuple[str, ...], *, version_id: int) -> None:
        self.decision_id, self.differences, self.version_id = decision_id, differences, version_id
        super().__init__(
            f"Decision {decision_id} is on a version that is not served as it was evaluated "
            f"({'; '.join(differences)}): put the inference server back, or where it was changed on purpose, "
            f"`persona-loop evaluate {version_id}` and let the gate decide anew."
        )


class BaseUnchanged(Refused):
    def __init__(self, slug: str, base: str) -> None:
        self.slug, self.base = slug, base
        super().__init__(
            f"Who serves {slug!r} is on {base} already: name another base, or train as usual with "
            f"`persona-loop assemble {slug}` and `persona-loop train`."
        )


class ReportsNotComparable(Refused):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"These reports cannot be compared ({reason}): evaluate both again on one suite.")


class SetsNotComparable(Refused):
    """A difference would not be the rater's alone."""

    def __init__(self, training_set_id: int) -> None:
        self.training_set_id = training_set_id
        super().__init__(
            f"Training set {training_set_id} was made with another template, context length or start than "
            "its persona has now, so a set without one rater says nothing of that rater: rebuild a newer set."
        )


class NothingToJudge(Refused):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"Persona {slug!r} had neither held-out prompts with references nor evaluation items at that "
            f"cutoff: collect more feedback, or add items with `persona-loop persona items {slug} FILE`, and "
            "train again."
        )


class FormOutdated(Refused):
    """A form that was sent before, of someone who has said something else since."""

    def __init__(self) -> None:
        super().__init__(
            "This was sent before, and what you said after it counts: choose or write again here if you "
            "changed your mind once more."
        )


class AirflowRefused(Refused):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Airflow refused ({reason}): correct the form and send it again.")


class RunExists(AirflowRefused):
    """A run of this name was triggered before."""


class PlaceNotEmpty(Refused):
    """A restore puts a whole installation in its place, and nobody's by accident."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"There is something in {what} already: restore into an empty VAR_DIR (and an empty DATABASE_URL "
            "and ADAPTER_STORE, where they are set), or add --replace, which deletes what is there."
        )


class Redacted(Refused):
    """A set, a suite or a decision that words of an erased rater were taken out of."""

    def __init__(self, kind: str, record_id: object) -> None:
        self.kind, self.record_id = kind, record_id
        super().__init__(
            f"The {kind} {record_id} is redacted, as a rater whose words it rested on was erased, and cannot "
            "be used or made again: assemble under a new cutoff, or train and evaluate again."
        )


class RaterErased(Refused):
    """Words under way while their rater was erased."""

    def __init__(self) -> None:
        super().__init__("Everything you said here was erased meanwhile, this too: ask again to begin anew.")


# What a night leaves as it is: there is nothing to repair, and perhaps somebody to wait for.
NOT_NOW = (NotPassed, NotApproved, VersionServedBefore, CanaryOpen, CanaryEnded, CanaryCoolingDown)

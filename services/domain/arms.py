"""Who answers a persona's items beside its versions, and what a comparison with them says of the training.

A comparison with another arm stops nobody: it is a note beside a decision.
"""

from services.domain.checks import Check, Verdict

THREE_EXAMPLES = "three examples"  # the plain base, shown three demonstrations of the training set


def endpoint_arm(model: str) -> str:
    """The arm of a model behind somebody's endpoint."""
    return f"endpoint {model}"


def note_of(arm: str, check: Check, *, seconds: float | None) -> str:
    """A sentence on a candidate beside another arm: `check` asks whether the candidate is better.

    `seconds` are what asking the arm took, None where nobody measured.
    """
    who = "the plain base, shown three examples in the prompt," if arm == THREE_EXAMPLES else arm
    took = "" if seconds is None else f" Asking it took {seconds:.0f} s."
    if check.difference is None or check.low is None:
        return f"{_start(who)} is not compared on {check.metric}: {check.reason}.{took}"
    figures = f"{check.reference:.3f} on {check.metric}, the candidate {check.measured:.3f}"
    return f"{_start(who)} reaches {figures}: {_meaning(arm, check, check.low)}.{took}"


def _meaning(arm: str, check: Check, low: float) -> str:
    trained = arm == THREE_EXAMPLES
    match check.verdict:
        case Verdict.PASS:
            return f"{'training is' if trained else 'the candidate is'} at least {low:.3f} better"
        case Verdict.FAIL:
            pointless = "training was pointless, " if trained else ""
            return f"{pointless}{'examples in the prompt do' if trained else 'it does'} as well or better"
        case Verdict.INSUFFICIENT:
            does = "examples in the prompt do" if trained else "it does"
            return f"perhaps {does} as well; about {check.more_items} more items would tell"


def _start(words: str) -> str:
    return words[0].upper() + words[1:]

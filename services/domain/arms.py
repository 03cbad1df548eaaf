"""Who answers a persona's items beside its versions, and what a comparison with them says of the training.

A comparison with another arm stops nobody: it is a note beside a decision.
"""

from services.domain.checks import Check, Verdict

ONCE_MORE = "once more"  # the version itself, the items in another order: what the decoder alone changes
THREE_EXAMPLES = "three examples"  # the plain base, shown three demonstrations of the training set


def endpoint_arm(model: str) -> str:
    """The arm of a model behind somebody's endpoint."""
    return f"endpoint {model}"


def judge_arm(model: str, *, prompt: int, champion: int) -> str:
    """The arm of a model that compared answers with a champion's, by a version of its prompt."""
    return f"judge {model}, prompt {prompt}, against version {champion}"


def is_judge_of(arm: str, *, champion: int) -> bool:
    return is_judge(arm) and arm.endswith(f", against version {champion}")


def is_judge(arm: str) -> bool:
    return arm.startswith("judge ")


def judge_note(arm: str, check: Check, *, seconds: float | None) -> str:
    """As `note_of`, of a judge: `check` compares how often either side was preferred, ties half."""
    took = "" if seconds is None else f" Asking it took {seconds:.0f} s."
    if check.difference is None or check.low is None or check.measured is None:
        return f"{_start(arm)} says nothing: {check.reason}.{took}"
    meaning = {
        Verdict.PASS: "better than the champion's",
        Verdict.FAIL: "no better than the champion's",
        Verdict.INSUFFICIENT: "perhaps better than the champion's",
    }[check.verdict]
    share = f"on {check.measured:.1%} of {check.items} answers, ties half"
    return f"{_start(arm)} prefers the candidate {share}: {meaning}.{took}"


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


def without_examples_note(*, demonstrations: int) -> str:
    """Said where no base with examples stands beside a candidate whose set has so many demonstrations."""
    why = "it did not answer" if demonstrations else "the training set has no demonstration to show"
    return (
        "Nothing says whether examples in the prompt would do as well as the training: the arm "
        f"“{THREE_EXAMPLES}” has no report, as {why}."
    )


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

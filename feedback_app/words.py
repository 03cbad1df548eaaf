"""The words of the domain as pages say them: roles, states, reasons, kinds of moves, verdicts, metrics, acts.

Stored and in addresses they are the domain's own; a word that is not here is shown as it is.
"""

from feedback_app.sentences import lazy_gettext

WORDS = {
    # reasons beside a rating
    "wrong fact": lazy_gettext("wrong fact"),
    "off persona": lazy_gettext("off persona"),
    "unsafe": lazy_gettext("unsafe"),
    "too long": lazy_gettext("too long"),
    "too short": lazy_gettext("too short"),
    "unclear": lazy_gettext("unclear"),
    "great": lazy_gettext("great"),
    # roles
    "rater": lazy_gettext("rater"),
    "curator": lazy_gettext("curator"),
    "promoter": lazy_gettext("promoter"),
    "admin": lazy_gettext("admin"),
    # states of personas and of training runs
    "active": lazy_gettext("active"),
    "paused": lazy_gettext("paused"),
    "archived": lazy_gettext("archived"),
    "running": lazy_gettext("running"),
    "interrupted": lazy_gettext("interrupted"),
    "succeeded": lazy_gettext("succeeded"),
    "failed": lazy_gettext("failed"),
    # why feedback waits for review
    "flagged": lazy_gettext("flagged"),
    "disputed": lazy_gettext("disputed"),
    "quarantined": lazy_gettext("quarantined"),
    # kinds of moves, as ledgers have them
    "canary": lazy_gettext("canary"),
    "full": lazy_gettext("full"),
    "rollback": lazy_gettext("rollback"),
    "reinstate": lazy_gettext("reinstate"),
    # sides of comparisons and of reports
    "left": lazy_gettext("left"),
    "right": lazy_gettext("right"),
    "tie": lazy_gettext("tie"),
    "both bad": lazy_gettext("both bad"),
    "candidate": lazy_gettext("candidate"),
    "champion": lazy_gettext("champion"),
    "anchor": lazy_gettext("anchor"),
    "base": lazy_gettext("base"),
    # what a gate says
    "PASS": lazy_gettext("PASS"),
    "FAIL": lazy_gettext("FAIL"),
    "INSUFFICIENT": lazy_gettext("INSUFFICIENT"),
    # what is measured
    "exact answers": lazy_gettext("exact answers"),
    "right facts": lazy_gettext("right facts"),
    "letters shared with the reference": lazy_gettext("letters shared with the reference"),
    "answers in style": lazy_gettext("answers in style"),
    "words an answer": lazy_gettext("words an answer"),
    "answers under ten words": lazy_gettext("answers under ten words"),
    "right options": lazy_gettext("right options"),
    "words shared with the reference": lazy_gettext("words shared with the reference"),
    "answers in the format": lazy_gettext("answers in the format"),
    "loss on answers kept out": lazy_gettext("loss on answers kept out"),
    "perplexity of answers kept out": lazy_gettext("perplexity of answers kept out"),
    "meaning shared with the reference": lazy_gettext("meaning shared with the reference"),
    "answers like this persona's": lazy_gettext("answers like this persona's"),
    "this persona told from the others": lazy_gettext("this persona told from the others"),
    "repeated phrases": lazy_gettext("repeated phrases"),
    "different words": lazy_gettext("different words"),
    "different pairs of words": lazy_gettext("different pairs of words"),
    "better answers held more likely": lazy_gettext("better answers held more likely"),
    "judged better by a model": lazy_gettext("judged better by a model"),
    "general ability": lazy_gettext("general ability"),
    "safety": lazy_gettext("safety"),
}

# What the audit log says was done, read before the one who did it: "pause by account:Ada".
ACTS = {
    # to personas
    "create": lazy_gettext("create"),
    "retrain": lazy_gettext("retrain"),
    "rollback": lazy_gettext("rollback"),
    "reinstate": lazy_gettext("reinstate"),
    "let go on": lazy_gettext("let go on"),
    "pause": lazy_gettext("pause"),
    "archive": lazy_gettext("archive"),
    "approve": lazy_gettext("approve"),
    "change policies": lazy_gettext("change policies"),
    "agree with feedback": lazy_gettext("agree with feedback"),
    "overrule feedback": lazy_gettext("overrule feedback"),
    "ban a rater": lazy_gettext("ban a rater"),
    "restore feedback": lazy_gettext("restore feedback"),
    # to accounts
    "invite": lazy_gettext("invite"),
    "accept invitation": lazy_gettext("accept invitation"),
    "withdraw invitation": lazy_gettext("withdraw invitation"),
    "set password": lazy_gettext("set password"),
    "change password": lazy_gettext("change password"),
    "change role": lazy_gettext("change role"),
    "close account": lazy_gettext("close account"),
    "reopen account": lazy_gettext("reopen account"),
    "sign out": lazy_gettext("sign out"),
    # to clients
    "create client": lazy_gettext("create client"),
    "renew client": lazy_gettext("renew client"),
    "revoke client": lazy_gettext("revoke client"),
}


def word(value: str) -> str:
    return str(WORDS.get(value, value))


def act_in_words(act: str) -> str:
    return str(ACTS.get(act, act))

"""Which share of a replay each domain gets: by how much of it there is, and how often it was weak.

Pure. What may be replayed at all, and drawing it, is `services.training_sets.replaying`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.domain.evaluation import METRICS, OVERALL, MetricValue

_DOMAIN = "domain:"
# A domain that was weak in so many reports counts for four times its size; more says nothing new.
MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of one report, and those it is held against; None: its own slices against its whole."""

    metrics: tuple[MetricValue, ...]
    against: tuple[MetricValue, ...] | None = None


def rows_to_replay(new: int, percent: int) -> int:
    """How many rows beside `new` ones make up that percentage of all of them, rounded up."""
    return -(-new * percent // (100 - percent))


def failures(reports: Iterable[Measured], margins: Mapping[str, float]) -> Counter[str]:
    """In how many of the reports each domain was weak.

    Weak is a domain whose slice of a metric that the gate reads is worse than what it is held against by
    more than the gate's margin for that metric. The champion's report is held against its own whole; that
    of a candidate which the gate refused, against the same domain's in the champion's report: it says what
    learning on from the champion forgets.
    """
    found: Counter[str] = Counter()
    for report in reports:
        found.update({domain for domain in _domains(report) if _is_weak(report, domain, margins)})
    return found


def share_out(available: Mapping[str, int], failed: Mapping[str, int], wanted: int) -> dict[str, int]:
    """How many of the wanted rows each domain gives: in proportion to its rows times 1 + its failures.

    Nobody gives more than it has; what is left over goes to the others in the same way. Fractions go to the
    largest remainders, then by name.
    """
    shares = dict.fromkeys(available, 0)
    left = min(wanted, sum(available.values()))
    while left:
        weights = {
            domain: there * (1 + min(failed.get(domain, 0), MOST_FAILURES))
            for domain, there in available.items()
            if shares[domain] < there
        }
        total = sum(weights.values())
        exact = {domain: left * weight / total for domain, weight in weights.items()}
        given = {domain: min(int(part), available[domain] - shares[domain]) for domain, part in exact.items()}
        if not any(given.values()):
            by_remainder = sorted(exact, key=lambda domain: (-(exact[domain] % 1), domain))
            given = dict.fromkeys(by_remainder[:left], 1)
        for domain, rows in given.items():
            shares[domain] += rows
        left -= sum(given.values())
    return shares


def _domains(report: Measured) -> set[str]:
    return {
        metric.slice.removeprefix(_DOMAIN) for metric in report.metrics if metric.slice.startswith(_DOMAIN)
    }


def _is_weak(report: Measured, domain: str, margins: Mapping[str, float]) -> bool:
    for name, margin in margins.items():
        own = _value(report.metrics, name, _DOMAIN + domain)
        bar = (
            _value(report.metrics, name, OVERALL)
            if report.against is None
            else _value(report.against, name, _DOMAIN + domain)
        )
        if own is None or bar is None:
            continue
        if (bar - own if METRICS[name].higher_is_better else own - bar) > margin:
            return True
    return False


def _value(metrics: tuple[MetricValue, ...], name: str, slice_name: str) -> float | None:
    for metric in metrics:
        if metric.name == name and metric.slice == slice_name:
            return metric.value
    return None

"""What a person must hear of: the kinds of alerts, and one that is raised."""

from dataclasses import dataclass
from enum import StrEnum


class AlertKind(StrEnum):
    NO_PROMOTION = "no promotion"
    GATE_FAILS = "gate fails"
    RATINGS_STOPPED = "ratings stopped"
    STORE_NEARLY_FULL = "store nearly full"
    CANARY_ROLLED_BACK = "canary rolled back"
    VERSION_UNSOUND = "version unsound"


@dataclass(frozen=True, slots=True)
class Raised:
    """It holds now. Kind and subject name an occurrence: as long as they are raised, it is the same one."""

    kind: AlertKind
    subject: str
    sentence: str

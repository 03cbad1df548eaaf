"""A rater's own request to be forgotten, from the web app: done at once, and what learnt from them replaced.

Words, files and marks go before the page answers. The training of a replacement is Airflow's; where it does
not answer, no tainted version is left serving: the newest that never heard them does, or the plain base.
"""

import logging

from services.errors.tree import Refused, Unavailable
from services.jobs.erase import Erased, erase_with, settle_with
from services.jobs.installation import Installation
from services.operations.airflow_client import AirflowClient

logger = logging.getLogger(__name__)

DAG_ID = "erase_rater"
REASON = "asked for on the page of their own data"
ACTOR = "the rater"
PATIENCE_S = 5.0  # somebody waits for the page


def erase_own(installation: Installation, rater: str) -> Erased:
    """Raises what `erase` raises; never for an Airflow that is away: then nothing tainted serves any more."""
    erased = erase_with(installation, rater, REASON, ACTOR)
    if erased["tainted"] and not _replacing(installation, rater):
        for persona in erased["tainted"]:
            settle_with(installation, persona, ACTOR)
        erased["tainted"] = []
    return erased


def _replacing(installation: Installation, rater: str) -> bool:
    """Whether Airflow has the run that trains without them."""
    try:
        with AirflowClient(installation.settings, patience_s=PATIENCE_S) as airflow:
            airflow.trigger(DAG_ID, {"rater": rater, "reason": REASON})
    except (Unavailable, Refused) as problem:
        logger.warning("nobody is trained in the place of what learnt from an erased rater: %s", problem)
        return False
    return True

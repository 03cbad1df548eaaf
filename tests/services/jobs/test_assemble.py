"""Assembling as a job: which cutoffs it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from services.errors.tree import InvalidInput
from services.jobs.assemble import assemble


def test_a_cutoff_that_is_still_to_come_is_refused():
    """A set is found again by its cutoff: what was said between now and then would never enter it."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(InvalidInput, match="still to come"):
        assemble("pirate", tomorrow.isoformat())

"""The benchmark of two nights can be run again in its own installation."""

import pytest
from sqlalchemy import Engine

from benchmarks._halves import PUPILS
from benchmarks._nights import Learner, begin
from benchmarks.two_nights import _POLICY, _SECOND_NIGHTS, _plan, _set_policy
from services.errors.refusals import PersonaExists


def test_the_policy_that_a_run_left_is_set_back(clean: Engine):
    learner = Learner(_plan(PUPILS[0]), {}, {})
    begin(clean, learner)
    _set_policy(clean, PUPILS[0].slug, _SECOND_NIGHTS[-1])
    with pytest.raises(PersonaExists, match="example policy"):
        begin(clean, learner)

    _set_policy(clean, PUPILS[0].slug, _POLICY)
    begin(clean, learner)

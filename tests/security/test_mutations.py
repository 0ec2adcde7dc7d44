"""Checks that are taken away are missed: each mutation makes a test fail."""

import pytest
from figures import Figures
from mutations import MUTATIONS, ROOT, Mutation, survivors

ALL = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: each.name)


@pytest.mark.security
@ALL
def test_what_a_mutation_takes_away_is_still_there(mutation: Mutation):
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert mutation.mutated(text) != text
    assert all((ROOT / test.partition("::")[0]).is_file() for test in mutation.tests)


@pytest.mark.soak  # each runs tests of its own, in a copy of the tree
@pytest.mark.timeout(1800)
def test_each_mutation_is_noticed(figures: Figures):
    survived = survivors(MUTATIONS, print)
    figures("mutations that no test notices", len(survived), at_most=0)

"""Nearness equals the trial of every choice of places."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivocart.evidence.search.nearness import near


def by_trial(text, asked, between):
    places = [[at for at, word in enumerate(text) if word == one] for one in asked]
    return any(
        len(set(choice)) == len(choice)
        and all(b - a - 1 <= between for a, b in itertools.pairwise(sorted(choice)))
        for choice in itertools.product(*places)
    )


@given(
    st.lists(st.sampled_from("abcd"), max_size=12),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.integers(0, 4),
)
def test_equal_to_trial(text, asked, between):
    assert near(text, asked, between) == by_trial(text, asked, between)


@pytest.mark.parametrize(
    "text",
    [
        "rationing healthcare",
        "healthcare rationing",
        "rationing of healthcare",
        "rationing limited healthcare",
    ],
)
def test_the_example_of_the_user_guide(text):
    assert near(text.split(), ["rationing", "healthcare"], 2)
    assert not near(["rationing", *"xyz", "healthcare"], ["rationing", "healthcare"], 2)

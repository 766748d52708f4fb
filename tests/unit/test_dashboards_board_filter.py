"""The board's filter: an address says what is shown, and what is shown says its address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.board_filter import MOST, PAGE, Filter
from dashboards.problems import Refusal
from detectors.finding import Kind, Severity

_FILTERS = st.builds(
    Filter,
    area=st.text("0123456789", max_size=12),
    kind=st.sampled_from(["", *(kind.value for kind in Kind)]),
    least=st.sampled_from(["", *(severity.label for severity in Severity)]),
    held=st.sampled_from(["", "nobody", "mine"]),
    text=st.text(max_size=50).map(str.strip),
    show=st.integers(PAGE, MOST),
    wall=st.booleans(),
)


@given(_FILTERS)
def test_an_address_brings_back_what_it_was_made_from(chosen: Filter) -> None:
    query = dict(parse_qsl(urlsplit(chosen.address()).query))
    assert Filter.of(query) == chosen


def test_everything_has_the_shortest_address() -> None:
    assert Filter().address() == "/"
    assert not Filter().narrow
    assert Filter().further.address() == f"/?show={2 * PAGE}"
    assert Filter(show=MOST).further.show == MOST
    assert not Filter().on_the_wall.narrow, "a wall leaves nothing out"
    assert Filter().on_the_wall.off_the_wall == Filter()


@pytest.mark.parametrize(
    "query",
    [{"kind": "boredom"}, {"severity": "worst"}, {"held": "somebody"}, {"show": "many"}, {"show": "-1"}, {"show": "²"}],
)
def test_what_the_board_does_not_know_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        Filter.of(query)
    assert refused.value.status_code == 422


def test_what_a_form_leaves_empty_is_not_asked_for() -> None:
    assert Filter.of({"area": "", "kind": "", "severity": "", "held": "", "q": "", "show": ""}) == Filter()
    assert Filter.of({"show": "999"}).show == MOST
    assert Filter.of({"show": "1"}).show == PAGE


def test_each_word_of_a_search_must_stand_somewhere() -> None:
    texts = ("hh-7", "West Street", "No water for 12 h")
    assert Filter(text="WATER hh-7").finds(texts)
    assert Filter(text="").finds(texts)
    assert not Filter(text="water hh-8").finds(texts)


def test_who_is_meant_depends_on_who_looks() -> None:
    assert Filter(held="mine").chosen("person:li").holder == "person:li"
    assert Filter(held="nobody").chosen("person:li") == Filter(held="nobody").chosen("person:wang")
    assert Filter(least="high").chosen("x").least == int(Severity.HIGH)

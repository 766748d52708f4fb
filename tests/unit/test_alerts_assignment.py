"""Who gets a task."""

from __future__ import annotations

from alerts.people import Medium, Recipient, Role
from alerts.tasks.assignment import MOST_AT_ONCE, Candidate, choose


def _candidate(person: str, area: str = "440103", *, own: bool = False, urgent: int = 0, tasks: int = 0) -> Candidate:
    recipient = Recipient(person, person, Role.CASEWORKER, None, "en", Medium.SMS)
    return Candidate(recipient, area, own, urgent, max(urgent, tasks))


def _chosen(*candidates: Candidate, refused: tuple[str, ...] = ()) -> str | None:
    chosen = choose(candidates, refused)
    return None if chosen is None else chosen.person


def test_the_households_own_comes_first_however_near_and_free_others_are() -> None:
    busy = _candidate("own", "4401", own=True, urgent=MOST_AT_ONCE - 1, tasks=20)
    assert _chosen(_candidate("ann", "440103001"), busy) == "own"


def test_the_households_own_is_spared_when_they_have_too_much_in_hand() -> None:
    assert _chosen(_candidate("own", own=True, urgent=MOST_AT_ONCE), _candidate("ann")) == "ann"
    assert _chosen(_candidate("own", own=True, tasks=50), _candidate("ann")) == "own", "what can wait is no reason"


def test_the_smallest_area_goes_before_a_lighter_load() -> None:
    assert _chosen(_candidate("far", "44"), _candidate("near", "440103001", urgent=MOST_AT_ONCE - 1)) == "near"
    assert _chosen(_candidate("far", "44"), _candidate("near", "440103001", urgent=MOST_AT_ONCE)) == "far"


def test_of_one_area_the_one_with_the_fewest_in_hand_and_then_the_lower_id() -> None:
    assert _chosen(_candidate("a", urgent=2), _candidate("b", urgent=1, tasks=9)) == "b"
    assert _chosen(_candidate("a", tasks=3), _candidate("b", tasks=2)) == "b"
    assert _chosen(_candidate("b"), _candidate("a")) == "a"


def test_if_all_have_too_much_somebody_still_goes() -> None:
    full = MOST_AT_ONCE + 1
    assert _chosen(_candidate("own", own=True, urgent=full), _candidate("a", urgent=MOST_AT_ONCE)) == "own"


def test_who_has_refused_is_never_asked_again() -> None:
    people = (_candidate("own", own=True), _candidate("a"), _candidate("b"))
    assert _chosen(*people, refused=("own",)) == "a"
    assert _chosen(*people, refused=("own", "a", "b")) is None
    assert _chosen() is None

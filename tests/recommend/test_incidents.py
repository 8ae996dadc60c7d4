"""Published incidents: the numbers that somebody wrote down, and what comes of them here.

Each names the pull request or issue on GitHub that has the numbers. Where no load was published, it is assumed, and
only the sums are looked at.
"""

from __future__ import annotations

import pytest

from poolsize.datatypes import Candidate, Layer, Recommendation
from poolsize.providers import stated_facts
from poolsize.queueing import solve
from tests.recommend.asked import PLENTY, answered, behind_pgbouncer, capacity, codes, decided, finding


def present(answer: Recommendation) -> Candidate:
    assert answer.current is not None
    return answer.current


def test_six_erlangs_want_twelve_connections_and_not_twenty_five() -> None:
    """ridafkih/keeper.sh#851: bursts of 20/s that hold a connection for 300 ms on average; 189 slots, of which 8 are
    taken by others and 3 reserved; sized to about 12 by hand and doubled to 25."""
    facts = stated_facts(189, reserved=3)
    load = {"worker_type": "uvicorn", "rate_per_s": 20, "hold_s": 0.3}
    pool = decided(facts, **load).pool
    waits_ms = [solve(pool.load, pool.hold, c).mean_wait_s * 1000 for c in (8, 10, 12)]
    assert waits_ms == pytest.approx([54, 7.6, 1.1], rel=0.03)
    answer = answered(facts, others=8, current=(25, 0), **load)
    assert (answer.verdict, capacity(answer), answer.limits[0].margin) == ("fits", 12, 178 - 12)
    assert (present(answer).verdict, present(answer).predicted.p99_wait_s) == ("fits", 0)


def test_a_heavy_tail_is_said_to_be_one() -> None:
    """The same: a median of half the mean is a lognormal with an scv of 3, whose p99 is 2 s, as published. A wait of
    45 ms (a p99 by simulation) with 12 connections meets the goal of 75 ms, and 117 ms with 11 does not."""
    answer = answered(stated_facts(189), others=8, worker_type="uvicorn", rate_per_s=20, hold_s=0.3, hold_scv=3)
    assert capacity(answer) == 12
    assert finding(answer, "PS401").severity == "warning"


def test_five_hundred_busy_connections_do_not_fit_into_a_hundred_whatever_their_arrangement() -> None:
    """bcgov/wps#5780: 300,000 requests a minute of 115 ms, about 14 in flight in each process, PostgreSQL's 100."""
    answer = answered(
        stated_facts(100), worker_type="uvicorn", instances=41, surge=0, rate_per_s=5000, hold_s=0.115, current=(8, 12)
    )
    assert (answer.verdict, answer.is_no) == ("does_not_fit", True)
    assert present(answer).worst_case == 820
    assert answer.scope is not None
    assert answer.scope.recommended == "per process"
    assert answer.scope.shared_connections >= 575, "one shared pool cannot hold them either"
    shorter = next(way.number for way in answer.ways_to_fit if way.change.startswith("shorten"))
    assert shorter is not None
    assert shorter < 94 / 5000, "all 94 busy all the time would carry holds of 19 ms"


def test_nor_do_they_fit_into_a_pooler_with_its_default_pool() -> None:
    """bcgov/wps#5780: default_pool_size 20 behind 1,000 clients."""
    layers = (Layer(name="pooler", limit=20), Layer(name="pooler client side", limit=1000))
    answer = answered(
        behind_pgbouncer(*layers), worker_type="uvicorn", instances=41, surge=0, rate_per_s=5000, hold_s=0.115
    )
    assert (answer.verdict, answer.binding) == ("does_not_fit", "pooler")
    shorter = next(way.number for way in answer.ways_to_fit if way.change.startswith("shorten"))
    assert shorter is not None
    assert shorter < 20 / 5000


@pytest.mark.parametrize(("size", "worst", "verdict"), [(18, 144, "does_not_fit"), (10, 80, "fits")])
def test_a_rollout_counts_and_each_worker_has_a_pool_of_its_own(size: int, worst: int, verdict: str) -> None:
    """hushh-labs/hushh-research#5872: 18 connections in each of 2 workers of 3 instances, a fourth during a rollout,
    against the 100 of a small Cloud SQL instance; repaired with 10."""
    answer = answered(stated_facts(100), workers=2, instances=3, surge=1, current=(size, 0))
    assert (present(answer).worst_case, present(answer).verdict) == (worst, verdict)
    assert answer.limits[0].limit == 97


def test_replicas_multiply_processes_and_overflow() -> None:
    """METR/hawk#768: 16 pods of 2 processes, 5 + 20 each, became 1 + 4."""
    for pair, ceiling in (((5, 20), 800), ((1, 4), 160)):
        answer = answered(workers=2, instances=16, surge=0, current=pair)
        assert present(answer).worst_case == ceiling


def test_engines_count_and_not_processes() -> None:
    """transformerlab/transformerlab-app#1452: two engines in one process, each with SQLAlchemy's 5 + 10."""
    answer = answered(worker_type="uvicorn", pools=2, current=(5, 10))
    assert present(answer).worst_case == 30
    assert answer.worst_case_sum.startswith("1 instance × 1 process × 2 pools × ")


def test_what_was_taken_for_the_gateways_is_each_workers() -> None:
    """IBM/mcp-context-forge#4645: 15 + 30 were expected to be 45 connections; with 16 workers they are 720."""
    answer = answered(stated_facts(500), workers=16, current=(15, 30))
    assert (present(answer).worst_case, present(answer).verdict) == (720, "does_not_fit")
    assert (answer.worst_case or 0) < 500


def test_more_kept_in_fewer_workers_is_the_same_sum() -> None:
    """alphagov/notifications-api#1814: 12 instances of 5 workers with 10 + 10, then of 4 with 15 + 10."""
    for workers, pair in ((5, (10, 10)), (4, (15, 10))):
        assert present(answered(workers=workers, instances=12, surge=0, current=pair)).worst_case == 1200


def test_connections_that_nothing_bounds_are_named_and_bounded() -> None:
    """gyrinx-app/gyrinx#2083: Django under ASGI with persistent connections, one for each request at once, against the
    50 of the smallest Cloud SQL instance."""
    answer = answered(stated_facts(50), worker_type="django-asgi", current=(0, -1))
    assert (present(answer).worst_case, present(answer).verdict) == (None, "does_not_fit")
    assert finding(answer, "PS301").severity == "warning"
    advice = finding(answer, "PS305").message
    assert 'OPTIONS["pool"]' in advice
    assert "CONN_MAX_AGE must be 0" in advice
    assert (answer.verdict, answer.worst_case) == ("fits", capacity(answer))


def test_two_checkouts_in_each_of_forty_threads_need_forty_one_connections_at_least() -> None:
    """fastapi/fastapi#3205: a pool of ten under the threads of def routes stands still."""
    answer = answered(
        stated_facts(100),
        worker_type="fastapi-sync",
        checkouts_per_request=2,
        rate_per_s=20,
        hold_s=0.05,
        current=(10, 0),
    )
    assert "threads × 1 + 1 = 41" in finding(answer, "PS202").message
    assert present(answer).verdict == "misses_goal"
    assert "PS303" in codes(answer)
    assert capacity(answer) == 80


def test_the_layer_that_breaks_may_be_the_poolers_client_side() -> None:
    """n8n-io/terraform-aws-n8n#106: 460 pods of 20 against two poolers of 3,000 clients each."""
    facts = behind_pgbouncer(Layer(name="pooler client side", limit=6000))
    answer = answered(facts, instances=460, surge=0, current=(20, 0))
    assert (present(answer).worst_case, present(answer).verdict) == (9200, "does_not_fit")
    assert answer.binding == "pooler client side"


def test_a_default_from_the_hosts_cores_is_multiplied_by_the_pods() -> None:
    """desci-labs/nodes#558: Prisma's default on a host of four cores is 9, in each of 24 pods."""
    answer = answered(stated_facts(100), instances=24, surge=0, current=(9, 0))
    assert (present(answer).worst_case, present(answer).verdict) == (216, "does_not_fit")


def test_ten_connections_serve_three_thousand_users_only_while_they_hold_them_briefly() -> None:
    """HikariCP's wiki, About Pool Sizing: 3,000 front-end users, 6,000 transactions/s, a pool of ten. It can be so for
    holds below 10 / 6,000 s."""
    for hold_s, serves in ((0.0014, True), (10 / 6000, False)):
        answer = answered(PLENTY, threads=3000, rate_per_s=6000, hold_s=hold_s, current=(10, 0))
        assert (present(answer).verdict == "fits") == serves
        assert (capacity(answer) <= 10) == serves


def test_ten_connections_serve_three_hundred_requests_at_once_only_while_each_holds_one_for_a_thirtieth() -> None:
    """300 requests at once, each of a second: with holds of a thirtieth of that the ten would never rest."""
    enough = answered(PLENTY, threads=300, rate_per_s=300, hold_s=0.017, current=(10, 0))
    too_long = answered(PLENTY, threads=300, rate_per_s=300, hold_s=1 / 30, current=(10, 0))
    assert (present(enough).verdict, present(too_long).verdict) == ("fits", "misses_goal")
    assert capacity(too_long) > 10
    hold = next(one for one in enough.ranges if one.name == "hold")
    assert hold.high is not None
    assert hold.high < 1 / 30

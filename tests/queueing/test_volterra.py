"""The solver of the Volterra equation by itself: its order, and what all grids have in common."""

from __future__ import annotations

import numpy as np
import pytest

from poolsize.queueing import Hold, law_of
from poolsize.queueing.cells import CELLS, doubled, grid_of, head_area, levels_to
from poolsize.queueing.volterra import off_the_edge, offered_wait

LAW = law_of(Hold(1.0, 4.0))


@pytest.mark.parametrize("load", [0.3, 0.9, off_the_edge(1.0), 3.0])
def test_exponential_holds_solve_the_equation_in_closed_form(load: float) -> None:
    """v = A R e^(-theta x), so that U = e^((rho - 1) x) in units of S/c, with any number of connections."""
    for servers in (1, 7):
        solution = offered_wait(law_of(Hold(1.0)), servers, load, levels_to(load, 40.0))
        assert solution.log_u == pytest.approx((load - 1.0) * solution.edges, rel=2e-5, abs=1e-6)


@pytest.mark.parametrize("load", [0.5, 0.95, 1.5])
def test_the_answer_does_not_depend_on_where_the_grid_ends(load: float) -> None:
    short, long = (offered_wait(LAW, 5, load, levels_to(load, end)) for end in (20.0, 2000.0))
    at = np.linspace(0.0, 15.0, 50)
    found = [np.interp(at, solution.edges, solution.log_u) for solution in (short, long)]
    assert found[0] == pytest.approx(found[1], abs=3e-4)


def test_the_grid_ends_just_beyond_what_is_asked_for() -> None:
    for load in (0.1, 0.999, off_the_edge(1.0)):
        for end in (1e-9, 0.3, 16.0, 17.0, 1e6):
            levels = levels_to(load, end)
            solution = offered_wait(LAW, 3, load, levels)
            assert end <= solution.edges[-1] * (1 + 1e-12) < 2.1 * end
            assert len(solution.edges) == CELLS + 1 + max(levels, 0) * CELLS // 2


@pytest.mark.parametrize("hold", [Hold(1.0, 0.0), Hold(1.0), Hold(1.0, 25.0), Hold(1.0, 9.0, "h2")])
def test_in_overload_it_ends_where_the_answer_has_become_a_straight_line(hold: Hold) -> None:
    """However far is asked: what is found with twice the way is on the line."""
    load, law = 2.0, law_of(hold)
    near, far = (offered_wait(law, 5, load, levels_to(load, end)) for end in (300.0, 1e15))
    assert far.edges[-1] < 1e4
    for solution in (near, far):
        at = solution.edges[-1] * np.array([0.4, 0.6, 0.8, 1.0])
        assert np.diff(np.interp(at, solution.edges, solution.log_u), 2) == pytest.approx([0.0, 0.0], abs=1e-3)


def test_all_of_a_law_is_in_its_cells_and_stays_there_in_wider_ones() -> None:
    grid = grid_of(LAW, 3, 0.8, 6)
    end = grid[-1].edges[-1]
    for cells in (grid, [doubled(part) for part in grid]):
        assert sum(part.mass.sum() for part in cells) == pytest.approx(1 - float(LAW.equilibrium_survival(end)))
        moment = sum(float(np.dot(part.mass, part.edges[:-1]) + part.moment.sum()) for part in cells)
        left = (1 + 4.0) / 2 - float(LAW.equilibrium_excess_s(end)) - end * float(LAW.equilibrium_survival(end))
        assert moment == pytest.approx(left, rel=1e-9), "its mean, as far as the grid goes"


@pytest.mark.parametrize(("hold", "area"), [(Hold(1.0), 1.0), (Hold(1.0, 4.0), 2.5), (Hold(1.0, 0.0), 0.5)])
def test_the_first_of_one_hold_to_end_is_that_hold(hold: Hold, area: float) -> None:
    assert head_area(law_of(hold), 1) == pytest.approx(area, rel=1e-6)


def test_the_first_of_many_exponential_holds_ends_after_one_unit() -> None:
    assert head_area(law_of(Hold(1.0)), 1000) == pytest.approx(1.0, rel=1e-6)
    assert head_area(law_of(Hold(1.0, 0.0)), 4) == pytest.approx(4 / 5, rel=1e-6), "c times the least of c even ones"

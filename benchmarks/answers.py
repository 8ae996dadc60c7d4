"""How long an answer of `recommend` takes: ordinary questions, and those with tiny and enormous numbers.

    python benchmarks/answers.py [ROUNDS]

Each question is asked some times in a row, and the quickest counts, since whatever else the machine does only adds. The
extreme ones are asked of a server that they do not fit, so that the ways to fit are looked for as well.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' questions are not part of the package

from poolsize.datatypes import Layer
from poolsize.providers import stated_facts
from tests.recommend.asked import answered, facts_of
from tests.recommend.test_extremes import EXTREMES, ORDINARY

ROUNDS: Final = 3
AT_ONCE_S: Final = 0.15
"""What a person takes for immediate, with the start of the program still to come."""
PATIENCE_S: Final = 5.0
"""For numbers that hardly any service has."""


def main(rounds: int) -> int:
    """Print the table; 1 when a bound is missed."""
    questions = [(str(request), stated_facts(60), request, AT_ONCE_S) for request in ORDINARY]
    small = facts_of(Layer(name="server", limit=200))
    questions += [(name, small, request, PATIENCE_S) for name, request in EXTREMES.items()]
    missed = 0
    for name, facts, request, most in questions:
        seconds = _quickest(partial(answered, facts, **request), rounds)
        is_late = seconds > most
        missed += is_late
        print(f"{seconds * 1000:7.0f} ms  {name}{f' (to stay below {most:g} s)' if is_late else ''}")
    return 1 if missed else 0


def _quickest(act: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        spent.append(time.perf_counter() - start)
    return min(spent)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))

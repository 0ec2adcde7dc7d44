"""20,000 frames that no client should send, over every way in: each that can be answered is, once, and typed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest
from figures import Figures
from fuzz_frames import KINDS, METHOD_NAMES, Recipe, any_recipe
from fuzz_line import Way
from fuzz_stage import LATE, WAYS, Stage, fuzzed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.chaos

FRAMES = 20_000
BATCH = 64
BATCHES = FRAMES // BATCH // len(WAYS) + 1
WARM = 2_000
"""Frames after which the daemon has loaded what it loads, and its memory is counted."""

RECIPES = st.builds(Recipe, st.sampled_from([*KINDS]), st.sampled_from(METHOD_NAMES), st.integers(0, 2**32 - 1))
fuzz = settings(
    max_examples=BATCHES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""There is one daemon for all examples: who survives the one is to survive the next."""


@dataclass
class Run:
    """The daemon, what it needed before, and how long it let others wait."""

    stage: Stage
    memory: float
    pings: list[float] = field(default_factory=list[float])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    random = Random(0)
    with fuzzed(tmp_path_factory.mktemp("fuzz") / "home") as stage:
        for _ in range(WARM // BATCH):
            stage.line("socket").converse([any_recipe(random).frame() for _ in range(BATCH)])
        stage.warm()
        yield Run(stage, stage.memory())


@pytest.mark.parametrize("way", WAYS)
def test_each_frame_is_answered_once_and_each_answer_is_typed(run: Run, way: Way, figures: Figures) -> None:
    sent = 0

    @fuzz
    @given(st.lists(RECIPES, min_size=BATCH, max_size=BATCH))
    def converse(recipes: list[Recipe]) -> None:
        nonlocal sent
        try:
            run.stage.line(way).converse([each.frame() for each in recipes])
        except Exception:
            run.stage.hang_up(way)
            raise
        sent += len(recipes)
        if sent % (BATCH * 16) == 0:
            run.pings.append(run.stage.ping_seconds())

    converse()
    figures(f"frames over {way}", sent, at_least=FRAMES / len(WAYS))


def test_a_body_over_http_is_answered_and_never_by_a_fault(run: Run, figures: Figures) -> None:
    random = Random("http")
    bodies = [any_recipe(random).frame() for _ in range(250)]
    refused = sum(run.stage.post(each)[0] >= 400 for each in bodies)
    figures("bodies over HTTP that were refused", refused, at_least=1, at_most=len(bodies))


def test_after_all_that_the_daemon_is_as_well_as_before(run: Run, figures: Figures) -> None:
    run.stage.hang_up()
    figures("memory that the daemon grew by", run.stage.memory() - run.memory, "MiB", at_most=20)
    figures("longest wait for a ping", max(run.pings), "s", at_most=LATE)
    figures("faults in the daemon's log", len(run.stage.faults()), at_most=0)
    assert run.stage.is_alive()

"""Who is asked after a failed request, and when."""

from agiwo.errors import ModelError
from agiwo.llm.retry import Retries
from agiwo.testing import ScriptedModel

BUSY = ModelError("overloaded", "busy")
WRONG = ModelError("bad_request", "wrong")
UNSENT = ModelError("rate_limited", "not now", sent=False)


def model(name: str = "first", *fallback: ScriptedModel, retries: int = 3) -> ScriptedModel:
    return ScriptedModel(id=name, retries=retries, fallback=fallback)


def later(seconds: float) -> ModelError:
    return ModelError("rate_limited", "later", retry_after=seconds)


def test_there_are_as_many_retries_as_the_model_allows() -> None:
    retries = Retries(model(retries=2))

    assert [retries.after(BUSY) is None for _ in range(3)] == [False, False, True]


def test_all_of_a_pause_is_left_to_chance_and_it_grows_up_to_a_limit() -> None:
    pauses = [Retries(model(retries=99)) for _ in range(200)]
    for longest in (0.5, 1, 2, 4, 8, 8):
        drawn = [retries.after(BUSY) or 0 for retries in pauses]
        assert all(0 <= pause <= longest for pause in drawn)
        assert min(drawn) < 0.2 * longest < 0.8 * longest < max(drawn)


def test_a_provider_that_says_when_to_come_back_is_taken_at_its_word() -> None:
    retries = Retries(model())

    assert [retries.after(later(seconds)) for seconds in (0, 1.5, 120, 121)] == [0, 1.5, 120, None]


def test_what_does_not_pass_and_what_was_not_sent_is_not_tried_again() -> None:
    assert Retries(model()).after(WRONG) is None
    assert Retries(model()).after(UNSENT) is None


def test_other_models_follow_with_retries_of_their_own() -> None:
    retries = Retries(model("a", model("b", retries=1), model("c"), retries=0))
    asked = [retries.model.id]
    while retries.after(BUSY) is not None:
        asked.append(retries.model.id)

    assert asked == ["a", "b", "b", "c", "c", "c", "c"]


def test_another_model_is_asked_sooner_than_one_that_wants_a_pause() -> None:
    retries = Retries(model("a", model("b")))

    assert (retries.after(later(5)), retries.model.id) == (5, "a")
    assert (retries.after(later(6)), retries.model.id) == (0, "b")
    assert (retries.after(later(6)), retries.model.id) == (6, "b")


def test_a_script_that_is_wrong_is_not_answered_by_another_model() -> None:
    assert Retries(model("a", model("b"))).after(ModelError("script", "no turn left")) is None

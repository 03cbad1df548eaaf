"""The streams by which canaries are measured have the differences they are said to have."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks._canary_streams import Scene, Stream, growing, read_judged, resampled, simulated
from benchmarks._watching import watched, watched_naively
from services.domain.canaries import CanaryPolicy, CanaryVerdict, ConversationMean, judge_canary
from services.domain.style import Style

POLICY = CanaryPolicy()


def difference(stream: Stream) -> float:
    last = stream.values[-1]
    return float(last[stream.canary == 1].mean() - last[stream.canary == 0].mean())


def mean_difference(draw: Callable[[np.random.Generator], Stream]) -> float:
    return float(np.mean([difference(draw(np.random.default_rng(seed))) for seed in range(12)]))


@pytest.mark.parametrize("effect", [0.0, -0.1])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_simulated_canary_is_as_much_worse_as_it_is_said_to_be(effect: float, share: float) -> None:
    scene = Scene(raters=1_000, effect=effect, share=share, ratings=20_000)
    assert mean_difference(lambda chance: simulated(scene, chance)) == pytest.approx(effect, abs=0.012)
    assert simulated(scene, np.random.default_rng(1)).canary.mean() == pytest.approx(share, abs=0.02)


def test_so_is_one_whose_conversations_are_rated_several_times() -> None:
    scene = Scene(raters=1_000, effect=-0.1, ratings=20_000)
    assert mean_difference(lambda chance: growing(scene, chance, every=20_000)) == pytest.approx(
        -0.1, abs=0.015
    )


def test_means_of_conversations_change_on_the_way_and_none_is_seen_before_it_begins() -> None:
    stream = growing(Scene(ratings=500), np.random.default_rng(1), every=1)
    assert stream.looks is not None
    assert stream.looks.ratings.tolist() == list(range(1, 501))
    assert stream.looks.begun[0] == 1
    assert set(np.diff(stream.looks.begun).tolist()) == {0, 1}
    for seen, begun in zip(stream.values, stream.looks.begun.tolist(), strict=True):
        assert not seen[begun:].any()
    begun = int(stream.looks.begun[249])
    assert (stream.values[249, :begun] != stream.values[-1, :begun]).any()


def test_hostile_raters_and_a_loud_one_say_what_they_are_there_to_say() -> None:
    chance = np.random.default_rng(1)
    seeing = simulated(Scene(hostile=1.0, seeing=True), chance)
    assert np.array_equal(seeing.values[0], seeing.canary)
    assert simulated(Scene(hostile=1.0), chance).values.all()
    loud = simulated(Scene(loud=10_000), chance)
    theirs = loud.raters == 50
    assert theirs.sum() == 10_000
    assert np.array_equal(loud.values[0, theirs], loud.canary[theirs])


def test_the_real_judgements_are_those_of_the_file(tmp_path: Path) -> None:
    def record(models: str, *said: int) -> dict[str, object]:
        return {"cmp_key": models} | {f"annotator{number}": one for number, one in enumerate(said, start=1)}

    rows = [record("a_b", 1, 1, 0), record("a_b", 1, 2, 1), record("c_d", 2, 2, 2)]
    (tmp_path / "testset-v1.json").write_text(json.dumps(rows), encoding="utf-8")
    judged = read_judged(tmp_path)
    # Of a and b the second one is weaker: it counts as the first.
    assert judged.first.tolist() == [0, 0, 0.5, 0, 1, 0, 0, 0, 0]
    assert judged.raters.tolist() == [0, 1, 2] * 3
    assert judged.difference == pytest.approx(2 * 1.5 / 9 - 1)
    draw = resampled(judged, -0.2, np.random.default_rng(2), ratings=100_000)
    assert difference(draw) == pytest.approx(-0.2, abs=0.02)


@pytest.mark.parametrize("effect", [-0.3, 0.3])
def test_the_watcher_ends_where_the_judge_does_and_the_naive_one_never_later(effect: float) -> None:
    stream = simulated(Scene(effect=effect, ratings=1_500), np.random.default_rng(3))
    end = watched(stream, POLICY)
    heard = [
        ConversationMean(value, bool(canary), stream.share, str(rater), Style(1, 0, 0))
        for value, canary, rater in zip(
            stream.values[0].tolist(), stream.canary.tolist(), stream.raters.tolist(), strict=True
        )
    ]
    assert end.verdict is (CanaryVerdict.ROLLBACK if effect < 0 else CanaryVerdict.FULL)
    assert judge_canary(heard[: end.ratings], POLICY).verdict is end.verdict
    assert judge_canary(heard[: end.ratings - 1], POLICY).verdict is CanaryVerdict.KEEP
    assert watched_naively(stream, POLICY).ratings <= end.ratings

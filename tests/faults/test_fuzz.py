"""A short sample of `python -m tests.faults.fuzz`, every input that once failed, and that the fuzzer can see."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.faults.fuzz import CRASHES, TARGET_NAMES, TooLarge, TooSlow, Watch
from tests.faults.mutations import mutated
from tests.faults.targets import PLANTED, TARGETS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, about what it reads

EXAMPLES = 60
SAMPLE = settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_every_target_has_its_name() -> None:
    assert tuple(TARGETS) == TARGET_NAMES


@pytest.mark.parametrize("name", TARGETS)
def test_right_inputs_are_read(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    assert seeds
    for seed in seeds:
        target.try_input(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_strangers_bytes_raise_nothing_but_our_errors(name: str) -> None:
    target = TARGETS[name]
    watch = Watch(target.try_input)

    @SAMPLE
    @given(mutated(target.seeds()))
    def attempt(data: bytes) -> None:
        watch(data)

    attempt()
    assert watch.tried >= EXAMPLES // 2


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_failed_does_not_fail_again(name: str) -> None:
    watch = Watch(TARGETS[name].try_input)
    for path in sorted((CRASHES / name).glob("*")):
        watch(path.read_bytes())


def test_a_planted_bug_is_found() -> None:
    @settings(max_examples=5000, database=None, deadline=None, derandomize=True, phases=(Phase.generate,))
    @given(st.one_of(mutated(PLANTED.seeds()), st.binary(max_size=8)))
    def attempt(data: bytes) -> None:
        Watch(PLANTED.try_input)(data)

    with pytest.raises(IndexError, match="planted"):
        attempt()


def test_slow_inputs_and_growing_memory_are_seen() -> None:
    def slow(_data: bytes) -> None:
        sum(range(3_000_000))

    def large(_data: bytes) -> None:
        bytes(bytearray(64 << 20))

    with pytest.raises(TooSlow):
        Watch(slow, cpu_seconds=0.005)(b"")
    with pytest.raises(TooLarge):
        Watch(large, most_growth_mb=-1_000_000)(b"")

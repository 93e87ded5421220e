import json
from dataclasses import replace
from pathlib import Path

import pytest

from elastance.errors import InputError
from elastance.train import LimitProfile, LimitWindow, ProfileCache, ProfileKey

KEY = ProfileKey("cifar100", 64, (("V100", "V100"), ("V100",)), (250.0, 100.0), 10, 40)
PROFILE = LimitProfile((LimitWindow(250.0, 100.5, 1.25), LimitWindow(100.0, 80.0, 2.5)), 750.0, 40)


@pytest.fixture
def cache(tmp_path: Path) -> ProfileCache:
    return ProfileCache(tmp_path / "made" / "when needed")


def test_what_is_saved_is_loaded(cache: ProfileCache) -> None:
    assert cache.load(KEY) is None
    path = cache.save(KEY, PROFILE)
    assert cache.load(KEY) == PROFILE
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for other in (
        replace(KEY, job="imagenet"),
        replace(KEY, batch_size=65),
        replace(KEY, rank_gpus=(("V100",), ("V100", "V100"))),
        replace(KEY, limits_w=(250.0,)),
        replace(KEY, measure_steps=41),
    ):
        assert cache.load(other) is None


def test_a_save_that_fails_leaves_what_was_there(
    cache: ProfileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cache.save(KEY, PROFILE)
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(InputError, match="No space left"):
            cache.save(KEY, replace(PROFILE, max_power_w=1.0))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version"),
        ({"windows": []}, "at least one window"),
        ({"windows": [{"power_limit_w": "250", "energy_j": 1.0, "time_s": 1.0}]}, "windows.0.power_limit_w"),
        ({"windows": [{"power_limit_w": 250.0, "energy_j": 1.0, "time_s": 1.0}]}, "not those of the limits"),
        ({"windows": [{"power_limit_w": 250.0, "energy_j": -1.0, "time_s": 1.0}]}, "positive"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_another_content_is_refused(cache: ProfileCache, change: dict, message: str) -> None:
    path = cache.save(KEY, PROFILE)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message) as refused:
        cache.load(KEY)
    assert str(path) in str(refused.value)
    assert "delete it" in str(refused.value)


def test_a_file_of_another_key_and_a_torn_one_are_refused(cache: ProfileCache) -> None:
    path = cache.save(KEY, PROFILE)
    path.rename(cache.path(replace(KEY, batch_size=65)))
    with pytest.raises(InputError, match="measured for something else"):
        cache.load(replace(KEY, batch_size=65))
    path.write_text('{"format": "elast')
    with pytest.raises(InputError, match="no usable power-limit profile"):
        cache.load(KEY)

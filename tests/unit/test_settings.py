"""Settings: which layer wins, what is refused, what is never shown."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.settings import Settings, load_settings, mask_url
from udfs.errors import UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "swerve.yaml"
    path.write_text(text)
    return path


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, "rank: {top: 5, every: 5, candidates: 50, on: triggers}\nparallelism: 5\nout:\n")
    environ = {"SWERVE__RANK__EVERY": "6", "swerve__rank__candidates": "60", "SWERVE_DEBUG": "1", "RANK": "9"}
    settings = load_settings(config, ["rank.candidates=70"], environ)
    assert (settings.rank.top, settings.rank.every, settings.rank.candidates, settings.parallelism) == (5, 6, 70, 5)
    assert settings.rank.on == "triggers"
    assert settings.out == Settings().out


def test_text_becomes_what_the_setting_is() -> None:
    overrides = ["rank.surfaces=home, cart", "rank.hold_back=true", "redis.keep_profile=no", "redis.prefix=7", "model.path=m/x"]
    settings = load_settings(None, overrides, {})
    assert settings.rank.surfaces == ("home", "cart")
    assert settings.rank.hold_back is True
    assert settings.redis.keep_profile is False
    assert settings.redis.prefix == "7"
    assert settings.model.path == Path("m/x")
    assert load_settings(None, ["serving.allow_origins="], {}).serving.allow_origins == ()
    assert load_settings(None, ["rank.hold_back=none"], {"SWERVE__RANK__HOLD_BACK": "true"}).rank.hold_back is None


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("rank.evry=3", "unknown setting 'rank.evry' (did you mean rank.every"),
        ("top=3", "did you mean rank.top?"),
        ("zzz.yyy=3", "`swerve config`"),
        ("rank=3", "'rank' is a section"),
        ("rank.every=0", "rank.every should be greater than or equal to 1, not '0'"),
        ("rank.on=never", "'every_event' or 'triggers'"),
        ("rank.top=101", "rank.top (101) should not be above rank.candidates (100)"),
        ("rank.surfaces=Home page", "rank.surfaces"),
        ("parallelism=65", "state.buckets (64) should not be below parallelism (65)"),
        ("redis.url=http://shop", "redis.url should look like redis://"),
        ("redis.url=redis:", "redis.url should look like redis://"),
    ],
)
def test_what_does_not_fit_is_named(override: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(None, [override], {})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_environment_and_the_file_are_named_where_they_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown setting 'rank\.x' in SWERVE__RANK__X"):
        load_settings(None, [], {"SWERVE__RANK__X": "1"})
    with pytest.raises(UsageError, match=r"swerve\.yaml"):
        load_settings(write(tmp_path, "rank: {every: many}"), [], {})
    with pytest.raises(UsageError, match="is not YAML"):
        load_settings(write(tmp_path, "rank: [}"), [], {})
    with pytest.raises(UsageError, match="should hold sections"):
        load_settings(write(tmp_path, "- rank"), [], {})


def test_a_secret_is_in_no_text_and_no_complaint() -> None:
    settings = load_settings(None, ["redis.url=rediss://ana:hunter2@shop/0?ssl_password=hunter3", "redis.password=hunter4"], {})
    assert "hunter" not in f"{settings!r}{settings}{settings.masked()}"
    with pytest.raises(UsageError) as caught:
        load_settings(None, ["redis.url=http://ana:hunter2@shop"], {})
    assert "hunter" not in str(caught.value)


def test_settings_travel_to_workers_with_their_secrets() -> None:
    settings = pickle.loads(pickle.dumps(load_settings(None, ["redis.password=hunter2"], {})))
    assert settings.redis.password.get_secret_value() == "hunter2"


def test_a_copy_with_other_values_is_checked() -> None:
    settings = Settings().with_values({"redis.url": "redis://shop", "parallelism": 3})
    assert (settings.redis.url, settings.parallelism, Settings().parallelism) == ("redis://shop", 3, 1)
    assert "path" not in settings.model.model_fields_set
    with pytest.raises(KeyError):
        Settings().with_values({"redis.uri": "redis://shop"})
    with pytest.raises(ValueError, match="parallelism"):
        Settings().with_values({"parallelism": 0})


@given(
    st.from_regex(r"[a-z]{0,6}", fullmatch=True),
    st.from_regex(r"[a-zA-Z0-9%:._~-]{1,12}", fullmatch=True),
    st.integers(1, 65535),
)
def test_a_masked_address_keeps_everything_but_the_password(user: str, password: str, port: int) -> None:
    assert mask_url(f"redis://{user}:{password}@shop:{port}/0") == f"redis://{user}:********@shop:{port}/0"
    assert mask_url(f"redis://shop:{port}/0") == f"redis://shop:{port}/0"

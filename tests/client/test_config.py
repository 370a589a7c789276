"""Profiles on disk, the environment over them, explicit settings over both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cloud
from cloud._config import Config, Credentials, credentials, save_profile


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PICLOUD_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_profile_is_found_again_and_nobody_else_can_read_it(home: Path) -> None:
    path = save_profile("work", Credentials("http://one:1/", "5", "secret"))
    assert path.stat().st_mode & 0o777 == 0o600
    found = credentials()
    assert (found.server, found.api_key, found.api_secretkey) == ("http://one:1", "5", "secret")
    content = json.loads(path.read_text())
    assert content["default"] == "work"
    assert content["profiles"]["work"]["api_key"] == 5, "the command line reads a number there"
    assert cloud.getconfigpath() == str(home)


def test_the_environment_goes_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile("work", Credentials("http://one:1", "5", "secret", "/ca.pem"))
    save_profile("home", Credentials("http://two:2", "6", "other"))
    monkeypatch.setenv("PICLOUD_SERVER", "http://one:1/")
    found = credentials()
    assert (found.api_key, found.api_secretkey, found.ca_file) == ("5", "secret", "/ca.pem")
    monkeypatch.setenv("PICLOUD_API_KEY", "job-1-2-3")
    monkeypatch.setenv("PICLOUD_API_SECRETKEY", "token")
    monkeypatch.setenv("PICLOUD_CA_FILE", "")
    found = credentials()
    assert (found.api_key, found.api_secretkey, found.ca_file) == ("job-1-2-3", "token", None)


def test_a_stored_secret_goes_to_no_server_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile("work", Credentials("http://one:1", "5", "secret"))
    monkeypatch.setenv("PICLOUD_SERVER", "http://elsewhere:2")
    with pytest.raises(cloud.CloudException, match="no API key"):
        credentials()
    with pytest.raises(cloud.CloudException, match="secret of API key 5"):
        credentials(5)
    with pytest.raises(cloud.CloudException, match="secret of API key 5"):
        credentials(5, server_url="http://elsewhere:2")


def test_explicit_settings_go_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICLOUD_API_KEY", "6")
    monkeypatch.setenv("PICLOUD_API_SECRETKEY", "other")
    found = credentials(7, "mine", "http://three:3")
    assert (found.server, found.api_key, found.api_secretkey) == ("http://three:3", "7", "mine")


def test_a_secret_left_out_is_taken_from_the_profile_that_knows_it() -> None:
    save_profile("home", Credentials("http://one:1", "5", "first"))
    save_profile("work", Credentials("http://two:2", "6", "second"))
    assert credentials(5).api_secretkey == "first"
    assert credentials(5).server == "http://one:1"
    with pytest.raises(cloud.CloudException, match="secret of API key 9"):
        credentials(9)


def test_another_profile_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile("home", Credentials("http://one:1", "5", "first"))
    save_profile("work", Credentials("http://two:2", "6", "second"))
    monkeypatch.setenv("PICLOUD_PROFILE", "home")
    assert credentials().api_key == "5"
    monkeypatch.setenv("PICLOUD_PROFILE", "nowhere")
    with pytest.raises(cloud.CloudException, match="no profile 'nowhere'"):
        credentials()


def test_without_a_key_the_first_steps_are_named() -> None:
    with pytest.raises(
        cloud.CloudException, match=r"(?s)no API key.*picloud serve.*picloud setup.*cloud\.setkey"
    ):
        credentials()


@pytest.mark.parametrize("text", ["{", "[]", '{"profiles": 3}', '{"profiles": {"a": 1}}'])
def test_a_damaged_profile_file_is_named(home: Path, text: str) -> None:
    home.mkdir()
    (home / "profile.json").write_text(text)
    with pytest.raises(cloud.CloudException, match=r"profile\.json is not a profile file"):
        credentials()


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AttributeError):
        Config().max_transmit = 3  # type: ignore[attr-defined]


def test_a_secret_is_never_shown() -> None:
    assert "hush" not in repr(Credentials("http://one:1", "5", "hush"))

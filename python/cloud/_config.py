"""Where the server is and with which key: profiles on disk, the environment, explicit settings.

Explicit (`cloud.setkey`) goes over environment, environment over the profile file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ._errors import CloudException

__all__ = ["Config", "Credentials", "config", "config_dir", "credentials", "load_profiles", "save_profile"]

PROFILE_FILE = "profile.json"
WRONG_KEY_HINT = "run `picloud setup` for another key, or call cloud.setkey(api_key, api_secretkey)"
NO_KEY_HINT = (
    "start a server on this machine with `picloud serve`, connect to another with `picloud setup`, "
    "or call cloud.setkey(api_key, api_secretkey, server_url)"
)


class Config:
    """Settings of this process. Set attributes before the first call; wrong names are refused.

    Attributes:
        automatic_dependency_transfer: whether local modules travel with functions.
        max_transmit_data: most bytes of one pickled function or argument list; None for the
            server's own limit.
        retry_attempts: how often a first contact is tried before it is given up.
        retry_seconds: how long a server that answered before may be away, as in a restart.
        progress: True and False force progress bars on and off; None shows them to people only.
        result_cache_bytes: most bytes of small results kept in memory.
        status_cache_size: most statuses of ended jobs kept in memory.
        request_timeout: seconds without a sign of life after which a request is given up.
    """

    __slots__ = (
        "automatic_dependency_transfer",
        "max_transmit_data",
        "progress",
        "request_timeout",
        "result_cache_bytes",
        "retry_attempts",
        "retry_seconds",
        "status_cache_size",
    )

    def __init__(self) -> None:
        self.automatic_dependency_transfer: bool = True
        self.max_transmit_data: int | None = None
        self.retry_attempts: int = 3
        self.retry_seconds: float = 60.0
        self.progress: bool | None = None
        self.result_cache_bytes: int = 4 << 20
        self.status_cache_size: int = 65_536
        self.request_timeout: float = 60.0

    def __repr__(self) -> str:
        return "Config(" + ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__) + ")"


config = Config()
"""The settings of this process."""


class Credentials:
    """A server and the key to use with it."""

    __slots__ = ("api_key", "api_secretkey", "ca_file", "server")

    def __init__(self, server: str, api_key: str, api_secretkey: str, ca_file: str | None = None) -> None:
        self.server = server.rstrip("/")
        self.api_key = api_key
        self.api_secretkey = api_secretkey
        self.ca_file = ca_file

    def __repr__(self) -> str:
        return f"Credentials({self.server!r}, api_key={self.api_key!r})"  # never the secret


def config_dir() -> Path:
    """The directory of profiles: `PICLOUD_CONFIG_DIR`, else `~/.config/picloud`."""
    chosen = os.environ.get("PICLOUD_CONFIG_DIR")
    return Path(chosen) if chosen else Path.home() / ".config" / "picloud"


def load_profiles() -> dict[str, Any]:
    """The profile file: `default` (a name) and `profiles`; empty where there is no file."""
    return load_profile_file(config_dir() / PROFILE_FILE)


def load_profile_file(path: Path) -> dict[str, Any]:
    """The same of a file by its name."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {"default": "", "profiles": {}}
    except OSError as error:
        raise CloudException(f"could not read the profile: {error}") from None
    try:
        found = json.loads(text)
        profiles, default = found["profiles"], found.get("default")
        if not isinstance(profiles, dict) or not all(isinstance(p, dict) for p in profiles.values()):
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise CloudException(
            f"{path} is not a profile file", hint="move it away and run `picloud setup`"
        ) from None
    return {"default": default or "", "profiles": profiles}


def save_profile(name: str, credentials: Credentials) -> Path:
    """Writes a profile and makes it the default. Only the owner may read the file."""
    found = load_profiles()
    entry = {
        "server": credentials.server,
        "api_key": int(credentials.api_key) if credentials.api_key.isdigit() else credentials.api_key,
        "api_secretkey": credentials.api_secretkey,
        "ca_file": credentials.ca_file,
    }
    found["profiles"][name] = entry
    found["default"] = name
    directory = config_dir()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / PROFILE_FILE
    fresh = path.with_suffix(f".{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
        file.write("\n")
    fresh.replace(path)  # whole or not at all, also for a reader at the same moment
    return path


def _same_server(one: object, other: str) -> bool:
    return str(one or "").rstrip("/") == other.rstrip("/")


def credentials(
    api_key: object | None = None, api_secretkey: str | None = None, server_url: str | None = None
) -> Credentials:
    """What to connect with. CloudException where something is missing."""
    found = load_profiles()
    profiles: dict[str, dict[str, Any]] = found["profiles"]
    environ = os.environ
    key = str(api_key) if api_key is not None else environ.get("PICLOUD_API_KEY")
    secret = api_secretkey
    if secret is None and api_key is None:
        secret = environ.get("PICLOUD_API_SECRETKEY")
    chosen = environ.get("PICLOUD_PROFILE") or found["default"]
    if environ.get("PICLOUD_PROFILE") and chosen not in profiles:
        raise CloudException(f"there is no profile {chosen!r}", kind="no_key", hint=NO_KEY_HINT)
    server = server_url or environ.get("PICLOUD_SERVER")
    if server:
        # A stored secret goes to no server but its own, whatever the environment says.
        profiles = {name: p for name, p in profiles.items() if _same_server(p.get("server"), server)}
        chosen = chosen if chosen in profiles else next(iter(profiles), "")
    profile: dict[str, Any] = profiles.get(chosen, {})
    if key is not None and str(profile.get("api_key")) != key:
        # A key without its secret or server: another profile may know them.
        matching = [p for p in profiles.values() if str(p.get("api_key")) == key]
        profile = matching[0] if matching else {**profile, "api_key": None, "api_secretkey": None}
    key = key or profile.get("api_key")
    secret = secret or (profile.get("api_secretkey") if str(profile.get("api_key")) == str(key) else None)
    server = server or profile.get("server")
    if not key:
        raise CloudException("no API key is known", kind="no_key", hint=NO_KEY_HINT)
    if not secret:
        raise CloudException(f"the secret of API key {key} is not known", kind="no_key", hint=NO_KEY_HINT)
    if not server:
        raise CloudException("the address of the server is not known", kind="no_key", hint=NO_KEY_HINT)
    # Set and empty means: trust nobody but those the system trusts.
    ca_file = environ["PICLOUD_CA_FILE"] if "PICLOUD_CA_FILE" in environ else profile.get("ca_file")
    return Credentials(str(server), str(key), str(secret), ca_file or None)

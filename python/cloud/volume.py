"""Volumes: directory trees that jobs see as directories, on whichever worker they run.

>>> cloud.volume.create('genomes', 'genomes')                        # doctest: +SKIP
>>> cloud.volume.sync('data/genomes/', 'genomes:')                   # doctest: +SKIP
>>> cloud.call(lambda: open('/home/picloud/genomes/e-coli.fa').readline(), _vol='genomes')  # doctest: +SKIP
>>> cloud.volume.ls('genomes:')                                      # doctest: +SKIP
[('genomes:', [{'name': 'e-coli.fa'}, {'name': 'old/'}])]

A path in a volume is written `volume:path`, relative to its root: `genomes:`, `genomes:old/a.fa`. A job sees
the tree as it was when the job was handed to a worker, and cannot change it. What a job wants to
keep it puts into the bucket, or syncs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Union

from ._core import current
from ._errors import CloudException

__all__ = ["create", "delete", "get_list", "ls", "mkdir", "rm", "sync"]

_REMOTE = re.compile(r"([^/:]+):(.*)", re.DOTALL)

Paths = Union[str, Iterable[str]]


def create(name: str, mount_path: str, desc: str | None = None) -> None:
    """Makes an empty volume.

    Args:
        name: 2 to 64 letters, digits, `-` or `_`.
        mount_path: where jobs see it. A relative one is below `/home/picloud`, where jobs begin; an
            absolute one must not be a directory of the system, such as `/usr` or `/tmp`.
        desc: what it is for, in at most 1,024 characters.

    Raises:
        TypeError: an argument is no string.
        CloudException: a name or path breaks the rules, or the name is taken.
    """
    texts = {"name": name, "mount_path": mount_path, "desc": desc or ""}
    for what, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{what} must be a string, not {type(text).__name__}")
    body = {"name": name, "mount_path": mount_path, "description": desc or ""}
    _connection().json("POST", "/v1/volumes", body, repeat=False)


def get_list(name: str | Iterable[str] | None = None, desc: bool = False) -> list[dict[str, Any]]:
    """Volumes as dicts of `name`, `mnt_path`, `created`, and with `desc` also `desc`.

    `name`: only this one, or these. CloudException for one that does not exist.
    """
    volumes = {v["name"]: v for v in _connection().json("GET", "/v1/volumes")["volumes"]}
    names = list(volumes) if name is None else [name] if isinstance(name, str) else list(name)
    found = []
    for one in names:
        if one not in volumes:
            raise CloudException(f"volume {one!r} does not exist", status=404, kind="not_found")
        volume = volumes[one]
        created = datetime.fromtimestamp(volume["created"] / 1000, timezone.utc)
        about = {"name": one, "mnt_path": volume["mount_path"], "created": created}
        found.append({**about, "desc": volume["description"]} if desc else about)
    return found


def sync(source: Paths | os.PathLike[str], dest: str | os.PathLike[str], delete: bool = False) -> None:
    """Brings a destination up to date with a source, one of which is in a volume, by the rules of rsync.

    Only what differs travels: files of the same size and time are taken for equal, and of others the
    parts of 4 MiB that changed. Permissions, times and links are kept; what is neither file, directory nor
    link is left out with a warning, and so are links that lead out of the volume. Into a volume, all of it
    comes into effect at once or nothing does. Run it again if it was cut off: what arrived stays.

    Args:
        source: a path, or several of the same side. `dir/` means what is in a directory, `dir` the
            directory itself.
        dest: the path on the other side. Of a volume: `volume:path`, or `volume:` for its root.
        delete: remove what is in the directories at the destination and not at the source.

    Raises:
        CloudException: not exactly one side is in a volume; the volume or a path in it does not exist;
            something is in the way.
        OSError: a file could not be read, or changed while it was, or could not be written.
    """
    from . import _volume_sync

    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    sources, target = [os.fspath(one) for one in given], os.fspath(dest)
    if not sources:
        raise CloudException("there is no source to sync", kind="bad_request")
    remote = [split for split in map(_split, sources) if split is not None]
    into = _split(target)
    if (into is None) != (len(remote) == len(sources)) or (into is not None and remote):
        raise CloudException(
            "exactly one side of a sync is in a volume, as volume:path",
            kind="bad_request",
            hint="a path of this machine with a colon in it begins with ./",
        )
    connection = _connection()
    if into is not None:
        _volume_sync.up(connection, sources, *into, delete)
    else:
        _volume_sync.down(connection, remote, target, delete)


def mkdir(volume_path: Paths, parents: bool = False) -> None:
    """Makes directories in volumes; all in one volume, or none.

    `parents`: make those above too, and do not mind a directory that is there. CloudException where
    something is there already, or nothing above.
    """
    _edit("mkdir", volume_path, parents)


def ls(volume_path: Paths, extended_info: bool = False) -> list[tuple[str, list[dict[str, Any]]]]:
    """What is at paths in volumes: a list of `(path, entries)`, of a directory what is in it.

    Entries are dicts of `name`, which ends with `/` for a directory, and with `extended_info` also `size` in
    bytes and `modified`, a datetime. CloudException for a path that does not exist.
    """
    connection, found = _connection(), []
    for volume, path, said in _volume_paths(volume_path):
        body = {"paths": [path]}
        reply = connection.json("POST", f"/v1/volumes/{volume}/ls", body, timeout=60.0)
        entries = reply["listings"][0]["entries"]
        found.append((said, [_listed(entry, extended_info) for entry in entries]))
    return found


def rm(volume_path: Paths, recursive: bool = False) -> None:
    """Removes files, links and directories from volumes; all in one volume, or none.

    CloudException for a path that does not exist; for a directory with something in it unless `recursive`.
    """
    _edit("rm", volume_path, recursive)


def delete(name: str) -> None:
    """Deletes a volume with everything in it. Jobs that run keep what they see; jobs that wait for it fail.

    CloudException if it does not exist.
    """
    _connection().json("DELETE", f"/v1/volumes/{_checked(name)}", repeat=False)


def _connection() -> Any:
    cloud = current()
    if cloud.kind == "simulation":
        raise RuntimeError("volumes cannot be used in simulation: they are on a server")
    return cloud._session().connection


def _checked(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a volume's name is a string, not {type(name).__name__}")
    if not re.fullmatch(r"[A-Za-z0-9_-]{2,64}", name):
        raise CloudException(f"volume {name!r} does not exist", status=404, kind="not_found")
    return name


def _split(path: str) -> tuple[str, str] | None:
    """Volume and path; None for a path of this machine."""
    found = _REMOTE.fullmatch(path)
    if found is None:
        return None
    return _checked(found[1]), found[2]


def _volume_paths(given: Paths) -> list[tuple[str, str, str]]:
    from ._trees import check_path

    paths = [given] if isinstance(given, str) else list(given)
    found = []
    for said in paths:
        if not isinstance(said, str):
            raise TypeError(f"a path in a volume is a string, not {type(said).__name__}")
        split = _split(said)
        if split is None:
            raise CloudException(f"{said!r} is no path in a volume: that is volume:path", kind="bad_request")
        found.append((split[0], check_path(split[1]), said))
    if not found:
        raise CloudException("there is no path", kind="bad_request")
    return found


def _edit(verb: str, given: Paths, recursive: bool) -> None:
    connection = _connection()
    by_volume: dict[str, list[str]] = {}
    for volume, path, _ in _volume_paths(given):
        by_volume.setdefault(volume, []).append(path)
    for volume, paths in by_volume.items():
        body = {"paths": paths, "recursive": bool(recursive)}
        # An answer that was lost must not make the second try fail for what the first one did.
        connection.json("POST", f"/v1/volumes/{volume}/{verb}", body, timeout=60.0, repeat=False)


def _listed(entry: dict[str, Any], extended: bool) -> dict[str, Any]:
    if not extended:
        return {"name": entry["name"]}
    modified = datetime.fromtimestamp(entry["modified"] / 1000, timezone.utc)
    return {"name": entry["name"], "size": entry["size"], "modified": modified}

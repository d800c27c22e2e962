"""Where the host listens."""

import os
import re
import stat
import sys


class Misnamed(Exception):
    """The environment names no place where a host could be."""


def socket_path():
    """The host's socket, in a directory that nobody else can enter."""
    directory = _absolute("STOOK_ENDPOINT")  # a host sets it for those that it starts
    if not directory:
        name = os.environ.get("STOOK_HOST") or "stook"
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
            raise Misnamed(f"STOOK_HOST is {name!r}, which is no host name")
        directory = os.path.join(_runtime(), name)
    if not _is_private(directory):
        raise PermissionError(f"{directory} belongs to somebody else, or lets others in")
    return os.path.join(directory, "socket")


def _runtime():
    if directory := _absolute("STOOK_RUNTIME_DIR"):
        return directory
    if directory := _absolute("XDG_RUNTIME_DIR"):
        return os.path.join(directory, "stook")
    if os.geteuid() == 0:
        return "/run/stook"
    if sys.platform == "darwin" and (directory := _absolute("TMPDIR")) and _is_private(directory.rstrip("/")):
        return os.path.join(directory, "stook")
    if directory := _absolute("HOME"):
        return os.path.join(directory, ".stook/run")
    raise Misnamed("no private directory for sockets is known; set STOOK_RUNTIME_DIR to one")


def _absolute(variable):
    """A path that does not depend on where this process stands. None if there is none."""
    path = os.environ.get(variable)
    if path and not os.path.isabs(path):
        raise Misnamed(f"{variable} is {path!r}, which is not absolute")
    return path


def _is_private(directory):
    found = os.lstat(directory)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077

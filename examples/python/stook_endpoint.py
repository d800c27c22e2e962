"""Where the host listens."""

import os
import stat
import sys


def socket_path():
    """The host's socket, in a directory that nobody else can enter."""
    directory = os.environ.get("STOOK_ENDPOINT")  # a host sets it for those that it starts
    if not directory:
        directory = os.path.join(_runtime(), os.environ.get("STOOK_HOST") or "stook")
    if not _is_private(directory):
        raise PermissionError(f"{directory} belongs to somebody else, or lets others in")
    return os.path.join(directory, "socket")


def _runtime():
    environ = os.environ
    if environ.get("STOOK_RUNTIME_DIR"):
        return environ["STOOK_RUNTIME_DIR"]
    if environ.get("XDG_RUNTIME_DIR"):
        return os.path.join(environ["XDG_RUNTIME_DIR"], "stook")
    if os.geteuid() == 0:
        return "/run/stook"
    if sys.platform == "darwin" and environ.get("TMPDIR") and _is_private(environ["TMPDIR"].rstrip("/")):
        return os.path.join(environ["TMPDIR"], "stook")
    return os.path.join(environ["HOME"], ".stook/run")


def _is_private(directory):
    found = os.lstat(directory)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077

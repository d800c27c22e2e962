"""How full a disk is: a collector in Python. README.md says how to run it."""

import asyncio
import shutil

from stook_collector import Collector

collector = Collector("diskd")


@collector.task("disk.usage", topics=["events.disk.usage"], concurrency=4)
async def usage(task):
    # The task's arguments are whatever the config or `stook submit` gives; here a path or nothing.
    path = task.arguments or "/"
    # What blocks goes to a thread: heartbeats are sent meanwhile.
    disk = await asyncio.to_thread(shutil.disk_usage, path)
    await task.record("events.disk.usage", {"path": path, "total": disk.total, "free": disk.free})


if __name__ == "__main__":
    raise SystemExit(collector.run())

"""Write a stook collector in Python.

    from stook_collector import Collector

    collector = Collector("greeter")

    @collector.task("greet", topics=["events.greeting"])
    async def greet(task):
        await task.record("events.greeting", {"hello": task.arguments})

    raise SystemExit(collector.run())

Needs Python 3.10, the `protobuf` package, and a system with Unix sockets.
"""

import asyncio
import logging
import os
import signal
import uuid

from stook_endpoint import Misnamed
from stook_pb2 import Capability, Correlation, Hello, Results, Value
from stook_session import OK, Session
from stook_value import from_value, to_value

FAILURE, CONFIG = 1, 78  # exit codes
ORPHAN_GRACE = 10.0  # seconds that a collector outlives the host that started it
DRAIN_GRACE = 5.0  # seconds to leave when a signal asks for it; a host brings its own

log = logging.getLogger("stook")


class Task:
    """A task of the host, and where its results go."""

    def __init__(self, collector, assign):
        self.arguments = from_value(Value.FromString(assign.payload))
        self._collector, self._assign = collector, assign

    async def record(self, topic, value, last=False):
        await self._collector._record(topic, value, self._assign.correlation, last, self._assign.lease)


class Collector:
    """Runs tasks, or streams by itself, until the host or a signal says that it is over."""

    def __init__(self, kind, replay=2048):
        token = os.environ.pop("STOOK_TOKEN", "")  # a child that had it could take this process's place
        self.supervised = bool(token)
        self.hello = Hello(protocol_major=1, protocol_minor=2, kind=kind, pid=os.getpid(),
                           id=os.environ.get("STOOK_COLLECTOR_ID") or kind + "-1",
                           incarnation=uuid.uuid4().bytes, token=token,
                           replay_capacity=replay)
        self.handlers, self.streamer = {}, None
        self.tasks = {}  # those that run, by lease
        self.leaving, self.code = None, OK

    def task(self, capability, topics, concurrency=1):
        """Decorates the coroutine that runs tasks of this capability, and answers on these topics."""
        ids = [self._declare(topic) for topic in topics]
        self.hello.capabilities.append(Capability(name=capability, concurrency=concurrency, topics=ids))
        return lambda handler: self.handlers.setdefault(capability, handler)

    def stream(self, topics):
        """Decorates the coroutine that publishes on these topics without being asked."""
        for topic in topics:
            self._declare(topic)
        return lambda streamer: setattr(self, "streamer", streamer) or streamer

    async def record(self, topic, value, correlation, last=False):
        """Records what no task asks for. `correlation` is a UUID, or text of 1 to 64 bytes."""
        if isinstance(correlation, uuid.UUID):
            correlation = Correlation(uuid=correlation.bytes)
        else:
            correlation = Correlation(text=correlation)
        await self._record(topic, value, correlation, last)

    def run(self):
        """The exit code, in the end."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        return asyncio.run(self._run())

    def _declare(self, topic):
        if topic not in self.hello.topics:
            self.hello.topics.append(topic)
        return list(self.hello.topics).index(topic)

    async def _record(self, topic, value, correlation, last, lease=0):
        which = correlation.WhichOneof("id")
        await self.session.record(
            Results.Item(topic=list(self.hello.topics).index(topic), last=last, lease=lease,
                         payload=to_value(value).SerializeToString(),
                         **{which: getattr(correlation, which)}))

    async def _run(self):
        self.session = Session(self.hello, worker=self)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)
        patience = ORPHAN_GRACE if self.supervised else None
        self.life = asyncio.create_task(self.session.run(patience))
        self.streaming = asyncio.create_task(self._stream())
        try:
            return await self.life or self.code
        except asyncio.CancelledError:  # the time to leave is over
            return self.code
        except Misnamed as why:
            log.error("failed to find the host: %s", why)
            return CONFIG

    async def _stream(self):
        try:
            if self.streamer:
                await self.streamer()
        except Exception as failure:
            if self.leaving:  # it may have been stopped in the middle of something
                log.info("the stream has ended: %s", failure)
                return
            log.exception("the stream failed")
            self.code = FAILURE
        if self.code or not self.handlers:
            self.leave("the stream has ended", DRAIN_GRACE)

    # --- what the session tells ---

    def assigned(self, assign):
        if self.leaving:
            self._finished(assign.lease, self.leaving)
        else:
            self.session.say(task_started={"lease": assign.lease})
            self.tasks[assign.lease] = asyncio.create_task(self._work(assign))

    def cancelled(self, lease):
        if task := self.tasks.get(lease):  # it may have ended: the two crossed
            task.cancel()

    def lost(self):
        """The connection, and all leases with it: somebody else may have the tasks by now."""
        tasks, self.tasks = self.tasks, {}
        for task in tasks.values():
            task.cancel()

    def leave(self, why, grace):
        if not self.leaving:
            self.leaving = f"the collector leaves: {why}"
            log.info(self.leaving)
            self.draining = asyncio.create_task(self._drain(grace))

    # --- work and its end ---

    async def _work(self, assign):
        error = None
        try:
            await self.handlers[assign.capability](Task(self, assign))
        except asyncio.CancelledError:
            error = self.leaving or "cancelled by the host"
        except Exception as failure:
            log.exception("a task failed")
            error = f"{type(failure).__name__}: {failure}"
        if self.tasks.get(assign.lease) is asyncio.current_task():  # else its lease has gone
            del self.tasks[assign.lease]
            self._finished(assign.lease, error)

    def _finished(self, lease, error):
        """A task that was left undone because this process leaves is given back: others may do it."""
        self.session.progress += 1
        returned = error is not None and error == self.leaving
        self.session.say(task_finished={"lease": lease, "error": error, "returned": returned})

    def _signalled(self, number):
        if number == signal.SIGTERM or not self.supervised:  # Ctrl-C reaches the host, too, which drains
            self.leave("asked to stop by a signal", DRAIN_GRACE)

    async def _drain(self, grace):
        """Four fifths of the time are for the tasks; what they leave has all of it, for it may wait for credit."""
        over = asyncio.get_running_loop().time() + grace
        self.streaming.cancel()
        if self.tasks:
            _, late = await asyncio.wait(self.tasks.values(), timeout=0.8 * grace)
            for task in late:
                task.cancel()
            if late:  # they say that they are given back
                await asyncio.wait(late, timeout=0.1 * grace)
        self.session.goodbye(self.leaving)
        await asyncio.wait([self.life], timeout=over - asyncio.get_running_loop().time())
        self.life.cancel()

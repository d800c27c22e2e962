"""A collector's end of stook's wire, as proto/README.md describes it: connections, credit, replay.

It knows nothing of tasks but their frames: `worker` is told what the host says about them.
"""

import asyncio
import logging
import random
import struct
import time
from collections import deque

from google.protobuf.message import DecodeError
from stook_endpoint import socket_path
from stook_pb2 import Frame, Range, Reject, Results, Sequences

MAX_WELCOME = 64 * 1024  # the longest frame that is read before Welcome says the limit
PATIENCE = 10.0  # seconds for the host to answer Hello
SPAN = 4  # a sequence is at most so many replay capacities past the floor of what is settled
FIRST_WAIT, LONGEST_WAIT = 0.02, 2.0  # seconds between two attempts to connect, at most
OK, UNAVAILABLE, PROTOCOL = 0, 69, 76  # exit codes
TEMPORARY = {Reject.REASON_UNSPECIFIED, Reject.REASON_DUPLICATE, Reject.REASON_SHUTTING_DOWN,
             Reject.REASON_TIMEOUT, Reject.REASON_BUSY}

log = logging.getLogger("stook")


class Broken(Exception):
    """The host broke a rule: this connection is of no use."""


class Over(Exception):
    """Goodbye was said: nobody wants more results."""


class Session:
    """What outlives a connection, and the one that there is now."""

    def __init__(self, hello, worker):
        self.hello, self.worker = hello, worker
        self.sequence, self.progress = 0, 0  # results recorded; work done
        self.unsettled = {}  # results that may have to be sent again: by sequence, ascending
        self.last_words = []  # Goodbye, once it is due
        self.wake, self.room = asyncio.Event(), asyncio.Event()  # something to send; room to record
        self._no_connection()

    def _no_connection(self):
        """What was to be said about tasks has gone with it; what is not settled goes over the next one."""
        self.outbox = deque([*self.unsettled.values(), *self.last_words])
        self.welcome, self.credit, self.said_goodbye = None, [0, 0], False

    async def record(self, item):
        """Keeps a result until the host has settled it; waits while too many are not."""
        capacity = self.hello.replay_capacity
        while not self.last_words and (len(self.unsettled) >= capacity
                                       or self.sequence >= self._floor() + SPAN * capacity):
            self.room.clear()
            await self.room.wait()
        if self.last_words:
            raise Over("the collector has said goodbye")
        self.sequence += 1
        self.progress += 1
        item.sequence = self.sequence
        self.unsettled[item.sequence] = item
        self._push(item)

    def say(self, **body):
        """Sends a frame after the results that were recorded until now. Nothing is said after a goodbye."""
        if not self.last_words:
            self._push(Frame(**body))

    def goodbye(self, reason):
        """Says that this is all; the host closes the connection when it has read it."""
        self.last_words = [Frame(goodbye={"reason": reason})]
        self._push(self.last_words[0])
        self.room.set()  # whoever waits for it is told

    def _floor(self):
        return next(iter(self.unsettled), self.sequence + 1) - 1

    # --- connections ---

    async def run(self, patience):
        """Connects again and again, until there is no reason to; the exit code.

        `patience`: for how many seconds without a session. None: no longer than to the first failure, and
        for ever once there was a session.
        """
        attempt, alone = 0, time.monotonic()
        while True:
            code = None
            try:
                code = await self._connection()
            except (OSError, EOFError, asyncio.TimeoutError, DecodeError, Broken) as why:
                if not self.said_goodbye:
                    log.warning("no session with the host: %s", why or type(why).__name__)
            if self.welcome:
                attempt, alone = 0, time.monotonic()
                patience = patience or float("inf")
            over = self.said_goodbye or (self.last_words and not self.unsettled)
            self._no_connection()
            self.worker.lost()
            if over or code is not None:
                return OK if over else code
            if time.monotonic() - alone >= (patience or 0):
                return UNAVAILABLE
            await asyncio.sleep(random.random() * min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 7)))
            attempt += 1

    async def _connection(self):
        """Serves one connection to its end. An exit code if there is to be no other one."""
        reader, writer = await asyncio.open_unix_connection(socket_path())
        helpers = []
        try:
            edges = [*self.unsettled, self.sequence + 1]
            gaps = [Range(first=a + 1, last=b - 1) for a, b in zip(edges, edges[1:]) if b > a + 1]
            self.hello.settled.CopyFrom(Sequences(floor=edges[0] - 1, ranges=gaps))
            _write(writer, Frame(hello=self.hello))
            kind, body = await asyncio.wait_for(_read(reader, MAX_WELCOME), PATIENCE)
            while kind != "reject":
                if kind == "welcome" and not self.welcome:
                    self.welcome, self.credit = body, [body.credit_results, body.credit_bytes]
                    log.info("the host has taken this collector, in session %d", body.epoch)
                    helpers += map(asyncio.create_task, (self._send(writer), self._beat(writer)))
                elif self.welcome and hasattr(self, f"_on_{kind}"):
                    getattr(self, f"_on_{kind}")(body)
                else:
                    raise Broken(f"a frame that has no meaning here: {kind}")
                kind, body = await _read(reader, max(self.welcome.max_frame_bytes, MAX_WELCOME))
            log.warning("the host says no: %s; %s", body.text, body.remedy)
            if body.reason not in TEMPORARY:
                return OK if body.reason == Reject.REASON_SUPERSEDED else PROTOCOL
        finally:
            for helper in helpers:
                helper.cancel()
            writer.close()

    # --- out: results, and frames that must not overtake them ---

    def _push(self, entry):
        self.outbox.append(entry)
        self.wake.set()

    async def _send(self, writer):
        while True:
            while self.outbox and (frame := self._next(self.outbox[0])):
                self.outbox.popleft()
                self.said_goodbye = frame.HasField("goodbye")
                _write(writer, frame)
                await writer.drain()
            self.wake.clear()
            await self.wake.wait()

    def _next(self, entry):
        """What is to be sent for the first of the outbox. Nothing while there is no credit for it."""
        if isinstance(entry, Frame):
            return entry
        frame = Frame(results=Results(items=[entry]))
        item = frame.results.items[0]  # a copy: another connection may have another limit
        if len(item.payload) > self.welcome.max_result_bytes:
            item.omitted_bytes, item.payload = len(item.payload), b""
        if self.credit[0] < 1 or self.credit[1] < len(item.payload):
            return None
        self.credit = [self.credit[0] - 1, self.credit[1] - len(item.payload)]
        return frame

    async def _beat(self, writer):
        """On its own, whatever waits in the outbox."""
        while True:
            then, used = time.monotonic(), time.process_time()
            await asyncio.sleep(self.welcome.heartbeat_ms / 1000)
            cpu = (time.process_time() - used) / (time.monotonic() - then)
            _write(writer, Frame(heartbeat={"progress": self.progress, "active_tasks": len(self.worker.tasks),
                                            "queue_depth": len(self.unsettled), "cpu": cpu}))

    # --- in: a method for each frame of the host ---

    def _on_ack(self, ack):
        for refused in ack.refused:
            log.warning("the host refused result %d: %s", refused.sequence, refused.reason)
            self.unsettled.pop(refused.sequence, None)
        for span in (Range(first=self._floor() + 1, last=ack.settled.floor), *ack.settled.ranges):
            for sequence in range(span.first, span.last + 1):
                self.unsettled.pop(sequence, None)
        self.room.set()

    def _on_credit(self, credit):
        self.credit = [self.credit[0] + credit.results, self.credit[1] + credit.bytes]
        self.wake.set()

    def _on_assign(self, assign):
        self.worker.assigned(assign)

    def _on_cancel(self, cancel):
        self.worker.cancelled(cancel.lease)

    def _on_drain(self, drain):
        self.worker.leave("drained by the host", drain.grace_ms / 1000)


async def _read(reader, limit):
    (length,) = struct.unpack("<I", await reader.readexactly(4))
    if length > limit:
        raise Broken(f"a frame of {length} bytes is over the limit of {limit}")
    frame = Frame.FromString(await reader.readexactly(length))
    kind = frame.WhichOneof("body")
    return kind, kind and getattr(frame, kind)


def _write(writer, frame):
    data = frame.SerializeToString()
    writer.write(struct.pack("<I", len(data)) + data)

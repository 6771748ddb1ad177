"""Logs of several containers as one: followed, merged by time, taken up again where a connection broke.

A line is shown once, in the order of the timestamps the kubelets wrote, as far as lines arrive close together. What is
missing is said by a remark in the log itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.cluster.session import Session
from console.errors import ConsoleError, Denied, NotFound
from console.live.loglines import LogBuffer, LogLine, log_line, seconds

MOST_TARGETS = 64  # containers followed at a time; a connection each
_GATHER = 0.3  # seconds that lines wait for earlier ones of other containers
_FIRST = 1.5  # seconds the first lines wait for slower containers
_RETRY = 1.0  # seconds before a log that ended is asked for again
_LONGEST_WAIT = 15.0  # seconds between two attempts at a container that has nothing new


@dataclass(frozen=True, slots=True)
class LogTarget:
    """One container whose log is read."""

    namespace: str
    pod: str
    container: str
    label: str  # what its lines are marked with: a rank, a role, a container


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What of the logs is read."""

    follow: bool = True
    since: float | None = None  # seconds before now
    tail: int | None = 1000  # lines of each container, where `since` is not given
    previous: bool = False


class LogStream:
    """The merged log of targets in one buffer. `start` in a running event loop; `stop` ends every connection."""

    def __init__(self, session: Session, buffer: LogBuffer, options: LogOptions) -> None:
        self.buffer = buffer
        self.options = options
        self.targets: list[LogTarget] = []
        self.left_out = 0  # targets beyond what is followed at a time
        self.live = 0  # targets whose connection is open
        self._session = session
        self._tasks: dict[LogTarget, asyncio.Task[None]] = {}
        self._waiting: list[tuple[str, int, LogLine]] = []
        self._count = 0
        self._answered: set[int] = set()
        self._subscribers: list[Callable[[], None]] = []
        self._flush: asyncio.TimerHandle | None = None
        self._started = 0.0

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back when the buffer has new lines."""
        self._subscribers.append(callback)

    def follow(self, targets: Iterable[LogTarget]) -> None:
        """Read these containers too; those already read are left alone."""
        for target in targets:
            if target in self._tasks:
                continue
            if len(self._tasks) >= MOST_TARGETS:
                self.left_out += 1
                continue
            index = len(self.targets)
            self.targets.append(target)
            self._tasks[target] = asyncio.get_running_loop().create_task(self._read(index, target))
        self._started = self._started or asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """End every connection."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def remark(self, text: str) -> None:
        """A line of the console's own, where it belongs in time: now."""
        self.buffer.append(LogLine(self._session.clock.now(), -1, "", text))
        self._tell()

    # one container

    async def _read(self, index: int, target: LogTarget) -> None:
        last, wait, said = "", _RETRY, ""
        while True:
            before = last
            try:
                last = await self._once(index, target, last)
                trouble = ""
            except ConsoleError as error:
                trouble = error.sentence
                if isinstance(error, NotFound | Denied):
                    self._answered.add(index)
                    self.remark(f"{target.label}: {trouble}")
                    return
            self._answered.add(index)
            if trouble and trouble != said:
                self.remark(f"{target.label}: {trouble}")
            said = trouble
            if not self.options.follow or self.options.previous:
                return
            wait = _RETRY if last != before else min(2 * wait, _LONGEST_WAIT)
            await asyncio.sleep(wait)

    async def _once(self, index: int, target: LogTarget, last: str) -> str:
        """Read one connection to its end; returns the time of the newest line seen."""
        options = self.options
        again = bool(last)
        stream = self._session.log_batches(
            target.namespace,
            target.pod,
            target.container,
            follow=options.follow and not options.previous,
            since=None if again else options.since,
            since_time=seconds(last) if again else None,
            tail=None if again or options.since is not None else options.tail,
            previous=options.previous,
        )
        newest = last
        try:
            async with stream as batches:
                self.live += 1
                try:
                    async for batch in batches:
                        for raw in batch:
                            time, line = log_line(index, raw)
                            # sinceTime has whole seconds, so the lines of that second come a second time.
                            if again and time and time <= last:
                                continue
                            newest = max(newest, time)
                            self._take(time, index, line)
                        self._answered.add(index)
                finally:
                    self.live -= 1
        except ConsoleError:
            if newest == last:
                raise
        return newest

    # merging

    def _take(self, time: str, index: int, line: LogLine) -> None:
        self._count += 1
        self._waiting.append((time, self._count, line))
        if self._flush is None:
            loop = asyncio.get_running_loop()
            self._flush = loop.call_later(_GATHER, self._settle)

    def _settle(self) -> None:
        self._flush = None
        loop = asyncio.get_running_loop()
        if len(self._answered) < len(self.targets) and loop.time() - self._started < _FIRST:
            self._flush = loop.call_later(_GATHER, self._settle)
            return
        self._waiting.sort(key=lambda entry: (entry[0], entry[1]))
        for _, _, line in self._waiting:
            self.buffer.append(line)
        self._waiting.clear()
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

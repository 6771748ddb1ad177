"""What containers log: training steps by rank, requests, notebook saves, and what they say as they fail.

Lines are made for a span of time at once, also long after it; the same span gives the same lines.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.demo.gangs import Gang
from console.demo.gpu_figures import Mode, checkpoint_every, hashed

Line = tuple[float, str]  # seconds since 1970, text

BACKLOG = 180  # periodic lines made for the time before anybody looked
MOST = 400  # lines of one span


@dataclass(slots=True)
class Voice:
    """One run of a container as it speaks. `seed` is the job's where there is a gang."""

    style: str
    seed: int
    own: int  # seed of this pod alone
    started: float
    rank: int = 0
    world: int = 1
    gang: Gang | None = None
    pod: str = ""
    operator: str = ""
    planned: float = math.inf  # seconds of training until it is done
    hung_at: float = math.inf
    said: float = 0.0  # until when everything was said
    complained: float = 0.0  # when it last complained about its peers

    def lines(self, until: float) -> list[Line]:
        """Everything from where the last call ended to `until`."""
        since = max(self.said, self.started)
        self.said = until
        speak = STYLES.get(self.style)
        if speak is None or until <= since or since >= self.hung_at:
            return []
        return list(speak(self, since, min(until, self.hung_at)))[-MOST:]

    def opening(self) -> list[str]:
        """What is logged as the process starts."""
        if self.style == "training" and self.operator != "xgboostjob-controller":
            return _training_opening(self)
        if self.style == "notebook":
            return [
                f"[I {_clock(self.started)} ServerApp] jupyterlab | extension was successfully loaded.",
                f"[I {_clock(self.started)} ServerApp] Serving notebooks from local directory: /home/jovyan",
                f"[I {_clock(self.started)} ServerApp] Jupyter Server 2.15.0 is running at:",
                f"[I {_clock(self.started)} ServerApp] http://{self.pod}:8888/notebook/",
            ]
        if self.style == "server":
            return ["INFO:     Started server process [1]", "INFO:     Application startup complete."]
        if self.style == "batch":
            return [f"starting {self.pod}", "reading inputs"]
        return []

    def closing(self, code: int, reason: str) -> list[str]:
        """What is logged right before the process ends."""
        if self.style == "training":
            return _training_closing(self, code, reason)
        if self.style == "batch":
            return (
                ["wrote outputs", "done"]
                if code == 0
                else ["Traceback (most recent call last):", *_TRACE, "RuntimeError"]
            )
        if self.style == "server" and code != 0:
            return ["INFO:     Shutting down", "INFO:     Finished server process [1]"]
        return []


def _clock(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _ticks(since: float, until: float, period: float, phase: float, most: int = BACKLOG) -> Iterator[tuple[int, float]]:
    first = math.floor((since - phase) / period) + 1
    last = math.floor((until - phase) / period)
    for number in range(max(first, last - most), last + 1):
        yield number, phase + number * period


# training


def step_seconds(seed: int) -> float:
    """Seconds of progress between two logged steps of a job."""
    return 3.0 + 5.0 * hashed(seed, 21)


def _training(voice: Voice, since: float, until: float) -> Iterator[Line]:
    if voice.operator == "xgboostjob-controller":
        yield from _boosting(voice, since, until)
        return
    gang = voice.gang
    if gang is not None and gang.at(until).mode is not Mode.RUNNING:
        yield from _complaints(voice, gang, until)
        return
    period = step_seconds(voice.seed)
    turned = gang.at(until).at if gang is not None else voice.started
    if gang is not None and since < turned <= until and gang.at(until).resumed:
        step = _step(gang.progress(turned), voice.seed)
        yield turned, f"[rank{voice.rank}] resuming from checkpoint /mnt/checkpoints/step-{step:07d}"
    since = max(since, turned)
    done = gang.progress(until) if gang is not None else until - voice.started
    before = done - (until - since)
    for number, progress in _ticks(before, done, period, 0.0):
        at = until - (done - progress)
        every = checkpoint_every(voice.seed)
        if voice.rank == 0 and progress > every and progress % every < period:
            step = _step(progress, voice.seed)
            yield at, f"[rank0] saving checkpoint to /mnt/checkpoints/step-{step:07d}"
        yield at, _step_line(voice, number, progress, at)


def _step(progress: float, seed: int) -> int:
    return int(progress / step_seconds(seed)) * 10


def _total_steps(voice: Voice) -> int:
    """What the job was asked for, in thousands; years of it where nobody planned an end."""
    if voice.planned == math.inf:
        return 40_000_000
    return max(1, math.ceil(_step(voice.planned, voice.seed) / 1000)) * 1000


def _step_line(voice: Voice, number: int, progress: float, at: float) -> str:
    seed, rank = voice.seed, voice.rank
    step = number * 10
    loss = (
        1.6 + 9.2 * math.exp(-progress / (900 + 2400 * hashed(seed, 22))) + 0.12 * (hashed(seed, 9000 + number) - 0.5)
    )
    total = _total_steps(voice)
    rate = 2.5e-4 * (0.5 + 0.5 * math.cos(min(1.0, step / total) * math.pi))
    tokens = (9 + 46 * hashed(seed, 24)) * 1000 * (0.97 + 0.06 * hashed(voice.own, number))
    seconds = step_seconds(seed) / 10
    match int(hashed(seed, 25) * 4):
        case 0:
            return (
                f'{{"ts":"{_clock(at)}","level":"info","rank":{rank},"step":{step},"loss":{loss:.4f},'
                f'"lr":{rate:.3e},"tokens_per_sec":{tokens:.0f},"msg":"train step"}}'
            )
        case 1:
            return (
                f"{_clock(at)} | INFO | train.loop | rank={rank} step={step}/{total} loss={loss:.4f} "
                f"grad_norm={0.3 + hashed(voice.own, number + 1):.3f} lr={rate:.3e} sec/step={seconds:.3f}"
            )
        case 2:
            return (
                f"[rank{rank}] step {step:>6}/{total} | loss {loss:.4f} | lr {rate:.2e} "
                f"| {tokens / 1000:.1f}k tokens/s | {seconds * 1000:.0f} ms/step"
            )
    epoch = step / total * 3
    return f"[rank{rank}] {{'loss': {loss:.4f}, 'learning_rate': {rate:.3e}, 'epoch': {epoch:.2f}, 'step': {step}}}"


def _complaints(voice: Voice, gang: Gang, until: float) -> Iterator[Line]:
    turn = gang.at(until)
    waited = until - turn.at
    if until - voice.complained < 30.0 or waited < 15.0:
        return
    voice.complained = until
    rank = voice.rank
    if turn.mode is Mode.WAITING:
        yield until, f"[rank{rank}] waiting for {voice.world} workers to join the rendezvous ({waited:.0f}s)"
        return
    yield (
        until,
        f"[rank{rank}]:[W {_clock(until)[11:]} ProcessGroupNCCL.cpp:1496] Warning: WorkNCCL(OpType=ALLREDUCE) "
        f"has been running for {waited * 1000:.0f} ms (function checkTimeout)",
    )
    if waited > 40:
        yield until, f"{voice.pod}:1:212 [0] NCCL WARN [Service thread] Connection closed by remote peer"


def _boosting(voice: Voice, since: float, until: float) -> Iterator[Line]:
    for number, at in _ticks(since, until, 2.0 + 2 * hashed(voice.seed, 21), voice.started):
        loss = 0.21 + 0.45 * math.exp(-number / 60) + 0.004 * hashed(voice.own, number)
        yield at, f"[{number}]\ttrain-logloss:{loss:.5f}\teval-logloss:{loss * 1.06:.5f}"


def _training_opening(voice: Voice) -> list[str]:
    lines = [f"[rank{voice.rank}] world size {voice.world}, device cuda:0, seed {voice.seed % 100000}"]
    if voice.rank == 0:
        lines.append("NCCL version 2.26.2+cuda12.8")
        lines.append(f"{voice.pod}:1:1 [0] NCCL INFO Bootstrap: Using eth0")
    if voice.world > 1:
        lines.append(f"{voice.pod}:1:187 [0] NCCL INFO comm rank {voice.rank} nranks {voice.world} - Init COMPLETE")
    lines.append(f"[rank{voice.rank}] loading dataset shards: {8 + voice.seed % 56} files")
    return lines


_TRACE: Sequence[str] = (
    '  File "/workspace/train.py", line 412, in <module>',
    "    main()",
    '  File "/workspace/train.py", line 388, in main',
    "    trainer.fit(model, loader)",
    '  File "/workspace/trainer.py", line 157, in fit',
    "    loss.backward()",
)


def _training_closing(voice: Voice, code: int, reason: str) -> list[str]:
    rank = voice.rank
    if code == 0:
        return [
            f"[rank{rank}] training finished",
            *(["saved final model to /mnt/checkpoints/final"] if rank == 0 else []),
        ]
    if reason == "OOMKilled" or code == 137:
        return []  # killed: there is no time to say anything
    if code == 143:
        return [f"[rank{rank}] received SIGTERM, leaving"]
    pick = random.Random(voice.own).choice(_FAILURES)
    return [f"[rank{rank}]: Traceback (most recent call last):", *(f"[rank{rank}]: {line}" for line in (*_TRACE, pick))]


_FAILURES: Sequence[str] = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.44 GiB. GPU 0 has a total capacity of 79.10 GiB "
    "of which 1.02 GiB is free.",
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "RuntimeError: DataLoader worker (pid 214) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared memory. Please try to raise your shared memory limit.",
    "FileNotFoundError: [Errno 2] No such file or directory: '/mnt/data/shards/part-00031.tar'",
)


# others


def _server(voice: Voice, since: float, until: float) -> Iterator[Line]:
    period = 12.0 + 25.0 * hashed(voice.own, 31)
    for number, at in _ticks(since, until, period, voice.started, 60):
        client = f"10.244.{int(hashed(voice.own, number) * 12)}.{int(hashed(voice.own, number + 5) * 250)}"
        path = "/healthz" if hashed(voice.own, number + 7) < 0.5 else "/v1/models"
        yield at, f'INFO:     {client}:{40000 + number % 20000} - "GET {path} HTTP/1.1" 200 OK'


def _notebook(voice: Voice, since: float, until: float) -> Iterator[Line]:
    for number, at in _ticks(since, until, 120.0, voice.started, 40):
        if hashed(voice.own, number) > 0.7:
            yield at, f"[I {_clock(at)} ServerApp] Saving file at /experiment-{number % 7}.ipynb"


def _batch(voice: Voice, since: float, until: float) -> Iterator[Line]:
    for number, at in _ticks(since, until, 4.0, voice.started):
        yield at, f"processed {number * 256} rows ({230 + 60 * hashed(voice.own, number):.0f} rows/s)"


STYLES: Mapping[str, Callable[[Voice, float, float], Iterator[Line]]] = {
    "training": _training,
    "server": _server,
    "notebook": _notebook,
    "batch": _batch,
}

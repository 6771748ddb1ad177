"""What workers report to the app, in the past tense; only handlers decide what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from console.errors import ConsoleError

if TYPE_CHECKING:
    from screens.cluster import Cluster


class Progressed(Message):
    """Connecting has come to another step."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Progressed)


class Connected(Message):
    """A cluster answered."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster


class ConnectionFailed(Message):
    """A cluster could not be connected."""

    def __init__(self, error: ConsoleError) -> None:
        super().__init__()
        self.error = error


class Refreshed(Message):
    """Credentials and kinds were read again; `error` says what could not be."""

    def __init__(self, error: ConsoleError | None = None) -> None:
        super().__init__()
        self.error = error

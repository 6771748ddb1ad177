"""A resource kept in memory by list and watch, shared by every controller that reads it.

Objects handed out are the cache's own: they must never be changed.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable, Iterable

import httpx

from console import errors
from console.demo.client import ApiClient, Object, status_failure

Change = Callable[[Object | None, Object | None], None]  # (before, after); None where there was or is no object
Index = Callable[[Object], Iterable[str]]

SILENCE = 150.0  # seconds without a byte (bookmarks come about every minute) before a watch counts as dead
ABSENT = 20.0  # seconds before asking again for a resource that is not served
_OTHER_OBJECTS = ("/binding", "/eviction", "/scale", "/token")  # subresources that answer with another kind
_COLLECTION = re.compile(r"^(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?/([^/]+)(?:/.*)?$")


def key_of(obj: Object) -> str:
    """`namespace/name`, or `name` for what is cluster scoped."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def controller_of(obj: Object) -> Object | None:
    """The owner reference of the controlling owner."""
    return next((owner for owner in obj["metadata"].get("ownerReferences") or () if owner.get("controller")), None)


def collection_of(path: str) -> str:
    """The all-namespaces collection a request path belongs to; empty when it names none."""
    if re.fullmatch(r"/api/v1/namespaces(/[^/]+(/(status|finalize))?)?", path):
        return "/api/v1/namespaces"
    match = _COLLECTION.match(path)
    return f"{match[1]}/{match[2]}" if match else ""


def _version(obj: Object) -> int:
    version = str(obj["metadata"].get("resourceVersion", ""))
    return int(version) if version.isdigit() else 0


class Informer:
    """The objects of one collection, current within the watch's latency; this process's own writes at once."""

    def __init__(
        self,
        client: ApiClient,
        path: str,
        *,
        without_label: str = "",
        report: Callable[[str], None] = lambda problem: None,
    ) -> None:
        """`path` is a collection; objects that carry the label `without_label` are not read at all."""
        self.path = path
        self._report = report
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._without = without_label
        self._resource_version = ""
        self._listeners: list[Change] = []
        self._indexers: dict[str, Index] = {}
        self._indexes: dict[str, dict[str, dict[str, None]]] = {}
        self._gone: deque[str] = deque(maxlen=512)  # uids of deleted objects: a late answer must not revive them
        self.add_index("owner", _owner_uids)
        self.add_index("namespace", lambda obj: (obj["metadata"].get("namespace", ""),))

    @property
    def _selector(self) -> str:
        return f"!{self._without}" if self._without else ""

    def get(self, key: str) -> Object | None:
        """The object called `namespace/name` (or `name`)."""
        return self.objects.get(key)

    def add_index(self, name: str, index: Index) -> None:
        """Keep objects findable by the values `index` gives; adding the same name again changes nothing."""
        if name not in self._indexers:
            self._indexers[name] = index
            self._indexes[name] = {}
            for key, obj in self.objects.items():
                self._enter(name, key, obj)

    def by_index(self, name: str, value: str) -> list[Object]:
        """Objects whose index `name` has `value`."""
        return [self.objects[key] for key in self._indexes[name].get(value, ())]

    def owned_by(self, uid: str) -> list[Object]:
        """Objects whose controlling owner has this uid."""
        return self.by_index("owner", uid)

    def in_namespace(self, namespace: str) -> list[Object]:
        """Objects of one namespace."""
        return self.by_index("namespace", namespace)

    def subscribe(self, callback: Change) -> None:
        """Call back on every change, and now once for every object that is already here."""
        self._listeners.append(callback)
        for obj in list(self.objects.values()):
            callback(None, obj)

    def observe(self, obj: Object) -> None:
        """Take an object this process was answered with, without waiting for the watch to bring it."""
        metadata = obj.get("metadata") or {}
        if not metadata.get("uid") or not self.synced.is_set():
            return
        if self._without and self._without in (metadata.get("labels") or {}):
            return
        if self._is_news(obj, self.objects.get(key_of(obj))):
            self._take(obj)

    async def run(self) -> None:
        """List, then watch, for ever; every failure ends in another try after a growing, jittered wait."""
        failures = 0
        while True:
            try:
                if not self._resource_version:
                    await self._list()
                await self._watch()
                failures = 0
                continue
            except errors.Gone:
                self._resource_version = ""
                continue
            except errors.NotFound:
                self._resource_version = ""
                wait = ABSENT
            except (errors.ConsoleError, httpx.HTTPError, ValueError) as error:
                self._report(f"informer {self.path}: {error!r}")
                failures += 1
                wait = min(30.0, 0.1 * 2**failures)
            except Exception as error:  # noqa: BLE001  a listener that fails must not end the watch
                self._report(f"informer {self.path}: {type(error).__name__}: {error}")
                wait = 1.0
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def _list(self) -> None:
        items, version = await self._client.list(self.path, label_selector=self._selector)
        listed = {key_of(obj): obj for obj in items}
        for key in [key for key in self.objects if key not in listed]:
            self._drop(key)
        for key, obj in listed.items():
            current = self.objects.get(key)
            if current is None or current["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                self._take(obj)
        self._resource_version = version
        self.synced.set()

    async def _watch(self) -> None:
        params = {
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(300, 600)),
        }
        if self._selector:
            params["labelSelector"] = self._selector
        try:
            async with self._client.watch(self.path, params, silence=SILENCE) as events:
                async for event in events:
                    self._event(event["type"], event["object"])
        except (httpx.ReadTimeout, httpx.RemoteProtocolError):
            return  # silent or cut: watch on from where we are

    def _event(self, kind: str, obj: Object) -> None:
        if kind == "ERROR":
            raise status_failure(obj)
        version = str(obj["metadata"].get("resourceVersion", ""))
        if kind != "BOOKMARK":
            key = key_of(obj)
            current = self.objects.get(key)
            if kind == "DELETED":
                self._gone.append(obj["metadata"].get("uid", ""))
                if current is not None and current["metadata"].get("uid") == obj["metadata"].get("uid"):
                    self._drop(key)
            elif self._is_news(obj, current):
                self._take(obj)
        self._resource_version = version or self._resource_version

    def _is_news(self, obj: Object, current: Object | None) -> bool:
        fresh = current is None or _version(obj) > _version(current)
        return fresh and obj["metadata"].get("uid") not in self._gone

    def _take(self, obj: Object) -> None:
        obj["metadata"].pop("managedFields", None)
        key = key_of(obj)
        before = self.objects.get(key)
        if before is not None:
            self._leave(key, before)
        self.objects[key] = obj
        for name in self._indexers:
            self._enter(name, key, obj)
        for told in self._listeners:
            told(before, obj)

    def _drop(self, key: str) -> None:
        before = self.objects.pop(key)
        self._leave(key, before)
        for told in self._listeners:
            told(before, None)

    def _enter(self, name: str, key: str, obj: Object) -> None:
        for value in self._indexers[name](obj):
            self._indexes[name].setdefault(value, {})[key] = None

    def _leave(self, key: str, obj: Object) -> None:
        for name, index in self._indexers.items():
            for value in index(obj):
                keys = self._indexes[name].get(value)
                if keys is not None:
                    keys.pop(key, None)
                    if not keys:
                        del self._indexes[name][value]


def _owner_uids(obj: Object) -> Iterable[str]:
    owner = controller_of(obj)
    return (owner["uid"],) if owner else ()


class Informers:
    """The one informer of each collection, started as controllers ask for them."""

    def __init__(
        self, client: ApiClient, *, without_label: str = "", report: Callable[[str], None] = lambda problem: None
    ) -> None:
        """Objects that carry the label `without_label` are invisible to every controller."""
        self._client = client
        self._report = report
        self._without = without_label
        self._informers: dict[str, Informer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        client.on_written.append(self._written)

    def of(self, path: str) -> Informer:
        """The informer of an all-namespaces collection path such as `/apis/apps/v1/deployments`."""
        informer = self._informers.get(path)
        if informer is None:
            informer = Informer(self._client, path, without_label=self._without, report=self._report)
            self._informers[path] = informer
            self._tasks[path] = asyncio.create_task(informer.run(), name=f"informer {path}")
        return informer

    async def stop(self) -> None:
        """End every list and watch."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _written(self, path: str, obj: Object) -> None:
        informer = self._informers.get(collection_of(path))
        if informer is not None and not path.endswith(_OTHER_OBJECTS):
            informer.observe(obj)

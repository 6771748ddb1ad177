"""The part of the `kubernetes` package that interprets kubeconfigs, loaded without the rest of it.

`import kubernetes.config` also runs the client, the OAuth stack and pydantic: measured 0.21 s of CPU and 17 MB on
top of the console, before the first row. `kube_config` uses of all that one class (`Configuration`) and, for an
expired OIDC token only, the API client and requests-oauthlib. So it is imported with stand-ins that fetch the real
thing when it is first used (25 ms, 1.5 MB), and the stand-ins are out of `sys.modules` again before anybody else
can meet them. Where that fails, for whatever reason a future version has, the plain import takes over.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

_GUARD = threading.Lock()
_STANDINS = ("kubernetes", "kubernetes.client", "requests_oauthlib", "oauthlib", "oauthlib.oauth2")


@dataclass(frozen=True, slots=True)
class Library:
    """What the console uses of the kubernetes package."""

    kube_config: ModuleType
    incluster: ModuleType
    configuration: type[Any]
    exception: type[Exception]
    light: bool  # loaded with stand-ins

    def load(self, path: str, context: str | None, temp: str, provider: type[Any]) -> Any:
        """A fresh Configuration of one context; `provider` takes the place of the package's ExecProvider."""
        configuration = self.configuration()
        module: Any = self.kube_config
        original = module.ExecProvider
        with _GUARD:
            module.ExecProvider = provider
            try:
                module.load_kube_config(
                    config_file=path, context=context, client_configuration=configuration, temp_file_path=temp
                )
            finally:
                module.ExecProvider = original
                # It remembers the files it wrote; the caller removes them with their folder.
                getattr(module, "_temp_files", {}).clear()
        return configuration


_loaded: Library | None = None


def library() -> Library:
    """The credentials part of the kubernetes package, imported once. Blocking: call it in a thread."""
    global _loaded
    with _GUARD:
        if _loaded is None:
            try:
                _loaded = import_light()
            except Exception:  # noqa: BLE001 - whatever an unknown version does, the plain import decides
                _loaded = import_plain()
        return _loaded


def import_plain() -> Library:
    """The package imported as it comes."""
    return _collect(importlib.import_module("kubernetes.client").Configuration, light=False)


def import_light() -> Library:
    """The package's `config` alone; raises ImportError or AttributeError where its shape is not the known one."""
    if "kubernetes" in sys.modules:
        return import_plain()
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the kubernetes package is not installed")
    roots = list(spec.submodule_search_locations)
    before = {name: module for name, module in sys.modules.items() if _ours(name)}
    try:
        kubernetes = ModuleType("kubernetes")
        kubernetes.__path__ = roots
        kubernetes.__spec__ = spec
        client = ModuleType("kubernetes.client")
        client.__path__ = [f"{root}/client" for root in roots]
        client.__dict__["ApiClient"] = _later("kubernetes.client", "ApiClient")
        oauth = ModuleType("requests_oauthlib")
        oauth.__dict__["OAuth2Session"] = _later("requests_oauthlib", "OAuth2Session")
        standins = (kubernetes, client, oauth, _LaterModule("oauthlib"), _LaterModule("oauthlib.oauth2"))
        for name, module in zip(_STANDINS, standins, strict=True):
            sys.modules[name] = before.get(name, module)
        configuration = importlib.import_module("kubernetes.client.configuration").Configuration
        client.__dict__["Configuration"] = configuration
        return _collect(configuration, light=True)
    finally:
        for name in [name for name in sys.modules if _ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _collect(configuration: type[Any], *, light: bool) -> Library:
    kube_config = importlib.import_module("kubernetes.config.kube_config")
    incluster = importlib.import_module("kubernetes.config.incluster_config")
    assert callable(kube_config.load_kube_config)
    assert callable(kube_config.ExecProvider.run)
    return Library(kube_config, incluster, configuration, kube_config.ConfigException, light)


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("kubernetes", "oauthlib", "requests_oauthlib")


def _later(module: str, name: str) -> Callable[..., Any]:
    """A callable that imports what it stands for when it is called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call


class _LaterModule(ModuleType):
    """A module that is imported when an attribute of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        importlib.import_module("oauthlib.oauth2")
        return getattr(importlib.import_module(self.__name__), name)

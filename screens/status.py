"""The two lines above a view, made of what the app and the view in front know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.clock import age
from console.text import clean
from screens.widgets.statusline import Part

if TYPE_CHECKING:
    from console.kinds.freshness import BoardFreshness
    from screens.app import KfconsoleApp


class Chrome:
    """Draws the status line, the crumbs and the hints; asks nobody for anything that costs a request."""

    def __init__(self, app: KfconsoleApp) -> None:
        self._app = app
        self._phase = ""
        self._seconds = 0.0

    def second(self) -> None:
        """Once a second: a changed phase is shown at once, figures and ages on the tick."""
        self._seconds += 1.0
        view = self._app.front
        fresh = view.freshness
        phase = fresh.phase if fresh is not None else ""
        if self._seconds >= self._app.settings.values.tick:
            self._seconds = 0.0
            view.tick()
            self.draw()
        elif phase != self._phase or phase == "loading":
            self.draw()
        self._phase = phase

    def draw(self) -> None:
        """Draw what differs."""
        app = self._app
        app.top.show(self._cluster(), self._truth())
        self.crumbs()
        app.hints.show(app.front.hints)

    def crumbs(self) -> None:
        """The rule with crumbs, title and position."""
        app, palette = self._app, self._app.palette
        line = app.crumbs
        crumbs = [clean(view.crumb) for view in app.views]
        left: list[Part] = [(line.fill, palette.quiet)]
        before = " > ".join(crumbs[:-1])
        if len(before) > app.size.width // 3:
            before = f"{crumbs[0]} > ... > {crumbs[-2]}" if len(crumbs) > 3 else before
        if before:
            left.append((f" {before} >", palette.quiet))
        left.append((f" {crumbs[-1]} " if crumbs else " ", palette.strong))
        if app.front.title:
            left.append((f"{clean(app.front.title)} ", palette.quiet))
        position = app.front.position
        line.show(left, [(f" {position} " + line.fill, palette.quiet)] if position else ())

    def _cluster(self) -> list[Part]:
        app, palette = self._app, self._app.palette
        parts: list[Part] = [(" kfconsole ", palette.primary)]
        cluster = app.linked
        if cluster is None:
            return [*parts, (f" {clean(app.target.context or '')}", None)]
        scope = ",".join(app.scope) or "all"
        parts += [(f" {clean(cluster.context)} ", palette.strong), (f" ns:{clean(scope)} ", palette.accent)]
        if app.target.as_user:
            parts.append((f" AS {clean(cluster.user)} ", palette.warning))
        else:
            parts.append((f" {clean(cluster.user)} ", palette.quiet))
        if app.target.read_only or app.settings.context(cluster.context).read_only:
            parts.append((" READ-ONLY ", palette.warning))
        if cluster.warning:
            parts.append((" UNPROTECTED ", palette.error))
        return parts

    def _truth(self) -> list[Part]:
        app, palette = self._app, self._app.palette
        if app.linked is None:
            word = "no cluster" if app.failure is not None else "connecting"
            return [(f"{word} ", palette.error if app.failure is not None else palette.waiting)]
        parts: list[Part] = []
        fresh = app.front.freshness
        if fresh is not None:
            parts.append(self._fresh(fresh))
        watches, rate = app.linked.traffic()
        return [*parts, (f" {watches} watches ", palette.quiet), (f" {rate:.1f} req/s ", palette.quiet)]

    def _fresh(self, fresh: BoardFreshness) -> Part:
        palette = self._app.palette
        match fresh.phase:
            case "loading":
                total = f"/{fresh.loaded + fresh.remaining}" if fresh.remaining is not None else ""
                return (f" loading {fresh.loaded}{total} ", palette.waiting)
            case "stale":
                since = age(max(0.0, self._app.now() - fresh.since)) if fresh.since else ""
                return (f" STALE {since} ", palette.error)
            case "denied":
                return (" denied ", palette.error)
            case "absent":
                return (" absent ", palette.error)
        if fresh.denied:
            return (f" live, {len(fresh.denied)} namespaces denied ", palette.warning)
        return (" live ", palette.ok)

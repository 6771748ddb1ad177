"""ControllerRevisions: the templates a StatefulSet or DaemonSet had, for history and undo."""

from __future__ import annotations

from collections.abc import Sequence

from console.demo.client import Object
from console.demo.controllers.base import owner_reference, path_of
from console.demo.controllers.plan import Change, Creation, Deletion, Plan
from console.demo.controllers.templates import REVISION_HASH, template_hash


def revise(plan: Plan, obj: Object, revisions: Sequence[Object]) -> tuple[str, str]:
    """Plan the revision of the present template; the names of the current and the update revision."""
    metadata, template = obj["metadata"], obj["spec"]["template"]
    data = {"spec": {"template": {**template, "$patch": "replace"}}}
    known = sorted(revisions, key=lambda each: int(each.get("revision") or 0))
    newest = int(known[-1].get("revision") or 0) if known else 0
    same = next((each for each in reversed(known) if each.get("data") == data), None)
    if same is None:
        digest = template_hash(template)
        name = f"{metadata['name']}-{digest}"
        if any(each["metadata"]["name"] == name for each in known):
            name = f"{name}-{newest + 1}"
        labels = {**((obj["spec"].get("selector") or {}).get("matchLabels") or {}), REVISION_HASH: digest}
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(obj)],
            },
            "data": data,
            "revision": newest + 1,
        }
        path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/controllerrevisions"
        plan.create.append(Creation(path, manifest))
    else:
        name = same["metadata"]["name"]
        if int(same.get("revision") or 0) < newest:
            plan.change.append(Change(path_of(same, "controllerrevisions"), {"revision": newest + 1}))
    current = (obj.get("status") or {}).get("currentRevision") or name
    used = {current, name}
    spare = [each for each in known if each["metadata"]["name"] not in used]
    keep = int(obj["spec"].get("revisionHistoryLimit", 10))
    plan.delete += [Deletion(path_of(each, "controllerrevisions")) for each in spare[: max(0, len(spare) - keep)]]
    return str(current), str(name)

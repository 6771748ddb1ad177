"""The GPUs of each node as measured, held or not, and what is wrong with them. Pure.

XID codes: docs.nvidia.com/deploy/xid-errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from console.telemetry.devices import Device

# What an XID says, and whether the node must be taken out of use for it.
_XIDS: dict[int, tuple[str, bool]] = {
    13: ("graphics engine exception, usually the program's own", False),
    31: ("memory page fault, usually the program's own", False),
    43: ("channel reset by the program", False),
    45: ("clean-up after another error", False),
    48: ("double-bit ECC error", True),
    61: ("internal microcontroller breakpoint", True),
    62: ("internal microcontroller halt", True),
    63: ("row remapping recorded", False),
    64: ("row remapping failed", True),
    74: ("NVLink error", True),
    79: ("GPU fell off the bus", True),
    92: ("high rate of single-bit ECC errors", False),
    94: ("contained ECC error, restart the program", False),
    95: ("uncontained ECC error", True),
    119: ("GPU system processor timeout", True),
    120: ("GPU system processor error", True),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing wrong with one GPU."""

    gpu: str  # index on the node
    what: str
    unusable: bool  # cordon, drain, reset or replace


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """One node's devices and their troubles, the worst first."""

    devices: tuple[Device, ...]
    troubles: tuple[Trouble, ...] = ()

    @property
    def idle(self) -> int:
        """Devices that nobody holds."""
        return sum(1 for device in self.devices if not device.holders)


@dataclass(frozen=True, slots=True)
class NodeReading:
    """What one look at all nodes gave."""

    source: str = ""
    at: float = 0.0  # cluster time, seconds
    nodes: Mapping[str, NodeGpus] = field(default_factory=dict)
    why_none: str = ""


def xid_meaning(code: int) -> str:
    """`XID 79: GPU fell off the bus`."""
    return f"XID {code}: {_XIDS[code][0]}" if code in _XIDS else f"XID {code}"


def by_node(found: Iterable[Device]) -> dict[str, NodeGpus]:
    """Devices by the node they are in."""
    nodes: dict[str, list[Device]] = defaultdict(list)
    for device in found:
        if device.sample.node:
            nodes[device.sample.node].append(device)
    return {node: NodeGpus(tuple(held), _troubles(held)) for node, held in nodes.items()}


def _troubles(held: Iterable[Device]) -> tuple[Trouble, ...]:
    troubles = []
    for device in held:
        index, xid = device.sample.index, device.sample.xid
        if device.remap_failed:
            troubles.append(Trouble(index, "row remapping failed: replace the GPU", True))
        if device.double_bit:
            troubles.append(Trouble(index, f"{device.double_bit} uncorrectable ECC errors", True))
        if xid:
            troubles.append(Trouble(index, xid_meaning(xid), _XIDS.get(xid, ("", False))[1]))
    return tuple(sorted(troubles, key=lambda trouble: (not trouble.unusable, trouble.gpu)))

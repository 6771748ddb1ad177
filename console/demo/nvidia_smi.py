"""nvidia-smi as a pod sees it: the table, and the CSV of --query-gpu and --query-compute-apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.demo.commands import Command, ExecContext
from console.demo.gpu_devices import CUDA, DRIVER, Device
from console.demo.gpu_figures import Figures
from console.demo.gpus import GpuFleet

NOT_AVAILABLE = "[N/A]"


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU as the pod numbers it, with what it shows."""

    number: int
    device: Device
    figures: Figures
    process: str = ""  # the command of the compute process, empty when there is none
    pid: int = 0


_Field = tuple[str, Callable[[Card], str]]  # unit in the CSV's head and cells, value

_FIELDS: Mapping[str, _Field] = {
    "index": ("", lambda c: str(c.number)),
    "uuid": ("", lambda c: c.device.uuid),
    "gpu_uuid": ("", lambda c: c.device.uuid),
    "name": ("", lambda c: c.device.model.name),
    "gpu_name": ("", lambda c: c.device.model.name),
    "pci.bus_id": ("", lambda c: c.device.labels()["pci_bus_id"]),
    "gpu_bus_id": ("", lambda c: c.device.labels()["pci_bus_id"]),
    "driver_version": ("", lambda c: DRIVER),
    "count": ("", lambda c: "1"),
    "pstate": ("", lambda c: "P0"),
    "mig.mode.current": ("", lambda c: "Enabled" if c.device.profile else "Disabled"),
    "utilization.gpu": ("%", lambda c: NOT_AVAILABLE if c.device.profile else f"{c.figures.util:.0f}"),
    "utilization.memory": ("%", lambda c: NOT_AVAILABLE if c.device.profile else f"{c.figures.dram * 100:.0f}"),
    "memory.used": ("MiB", lambda c: f"{c.figures.memory_used:.0f}"),
    "memory.free": ("MiB", lambda c: f"{c.figures.memory_free:.0f}"),
    "memory.reserved": ("MiB", lambda c: f"{c.figures.memory_reserved:.0f}"),
    "memory.total": ("MiB", lambda c: f"{_total(c):.0f}"),
    "power.draw": ("W", lambda c: f"{c.figures.power:.2f}"),
    "power.limit": ("W", lambda c: f"{c.device.model.limit:.2f}"),
    "temperature.gpu": ("", lambda c: f"{c.figures.temperature:.0f}"),
    "temperature.memory": ("", lambda c: f"{c.figures.memory_temperature:.0f}"),
    "clocks.sm": ("MHz", lambda c: f"{c.figures.clock:.0f}"),
    "clocks.current.sm": ("MHz", lambda c: f"{c.figures.clock:.0f}"),
    "clocks.mem": ("MHz", lambda c: f"{c.device.model.memory_clock:.0f}"),
    "clocks.max.sm": ("MHz", lambda c: f"{c.device.model.clock:.0f}"),
    "ecc.errors.uncorrected.volatile.total": ("", lambda c: str(c.device.fault.ecc_dbe)),
    "ecc.errors.corrected.volatile.total": ("", lambda c: str(c.device.fault.ecc_sbe)),
}
_APP_FIELDS: Mapping[str, _Field] = {
    "gpu_uuid": _FIELDS["uuid"],
    "gpu_name": _FIELDS["name"],
    "gpu_bus_id": _FIELDS["gpu_bus_id"],
    "pid": ("", lambda c: str(c.pid)),
    "process_name": ("", lambda c: c.process),
    "name": ("", lambda c: c.process),
    "used_memory": ("MiB", lambda c: f"{c.figures.memory_used:.0f}"),
    "used_gpu_memory": ("MiB", lambda c: f"{c.figures.memory_used:.0f}"),
}


def cards(fleet: GpuFleet, pod_uid: str, t: float, command: str = "python") -> list[Card]:
    """What the pod with this uid sees at `t`."""
    result = []
    for number, device in enumerate(fleet.devices(pod_uid)):
        figures = fleet.show(device, t)
        busy = figures.memory_used > 8
        result.append(Card(number, device, figures, command if busy else "", 120 + 37 * number if busy else 0))
    return result


def nvidia_smi(arguments: Sequence[str], found: Sequence[Card], now: float) -> tuple[str, int]:
    """The output and exit code for these arguments (without the command's own name)."""
    options = dict(_option(argument) for argument in arguments)
    if "--version" in options:
        return f"NVIDIA-SMI version  : {DRIVER}\nDRIVER version      : {DRIVER}\nCUDA Version        : {CUDA}\n", 0
    if not found:
        return "No devices were found\n", 6
    if "-L" in options or "--list-gpus" in options:
        return "".join(f"GPU {c.number}: {c.device.model.name} (UUID: {c.device.uuid})\n" for c in found), 0
    chosen = options.get("-i") or options.get("--id")
    if chosen:
        found = [card for card in found if chosen in (str(card.number), card.device.uuid)]
    if "--query-gpu" in options:
        return _csv(options["--query-gpu"], options.get("--format", ""), _FIELDS, found)
    if "--query-compute-apps" in options:
        busy = [card for card in found if card.process]
        return _csv(options["--query-compute-apps"], options.get("--format", ""), _APP_FIELDS, busy)
    return _table(found, now), 0


def command(fleet: GpuFleet) -> Command:
    """The command for the containers of pods that hold devices of this fleet."""

    def nvidia(context: ExecContext) -> int:
        now = context.now()
        text, code = nvidia_smi(context.argv[1:], cards(fleet, context.pod["metadata"]["uid"], now), now)
        context.out(text.encode())
        return code

    return nvidia


def _option(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=")
    return name, value


def _total(card: Card) -> float:
    return card.figures.memory_used + card.figures.memory_free + card.figures.memory_reserved


def _csv(query: str, formats: str, known: Mapping[str, _Field], found: Sequence[Card]) -> tuple[str, int]:
    names = [name.strip() for name in query.split(",")]
    for name in names:
        if name not in known:
            return f'Field "{name}" is not a valid field to query.\n\n', 2
    flags = {flag.strip() for flag in formats.split(",")}
    if "csv" not in flags:
        return "\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n", 2
    bare = "nounits" in flags
    lines = []
    if "noheader" not in flags:
        lines.append(", ".join(f"{name} [{unit}]" if (unit := known[name][0]) else name for name in names))
    for card in found:
        cells = []
        for name in names:
            unit, value = known[name]
            text = value(card)
            cells.append(text if bare or not unit or text == NOT_AVAILABLE else f"{text} {unit}")
        lines.append(", ".join(cells))
    return "".join(line + "\n" for line in lines), 0


_RULE = "+-----------------------------------------------------------------------------------------+\n"
_SPLIT = "+-----------------------------------------+------------------------+----------------------+\n"


def _table(found: Sequence[Card], now: float) -> str:
    head = f"NVIDIA-SMI {DRIVER:<20}   Driver Version: {DRIVER:<14} CUDA Version: {CUDA:<8}"
    text = datetime.fromtimestamp(now, UTC).strftime("%a %b %e %H:%M:%S %Y") + "       \n" + _RULE + f"| {head:<87} |\n"
    text += _SPLIT
    text += "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |\n"
    text += "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |\n"
    text += "|                                         |                        |               MIG M. |\n"
    text += _SPLIT.replace("-", "=").replace("+", "|")
    for card in found:
        text += _rows(card) + _SPLIT
    text += "\n" + _RULE
    text += "| Processes:                                                                              |\n"
    text += "|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |\n"
    text += "|        ID   ID                                                               Usage      |\n"
    text += _RULE.replace("-", "=").replace("+", "|")
    busy = [card for card in found if card.process]
    for card in busy:
        instance = str(card.device.instance) if card.device.profile else "N/A"
        used = f"{card.figures.memory_used:.0f}MiB"
        left = f"{card.number:>5}   {instance:<4} {'0' if card.device.profile else 'N/A':<4} {card.pid:>12}"
        text += f"| {left}      C   {card.process[:30]:<30} {used:>15}  |\n".replace("\t", " ")
    if not busy:
        text += "|  No running processes found                                                             |\n"
    return text + _RULE


def _rows(card: Card) -> str:
    figures, model = card.figures, card.device.model
    bus = card.device.labels()["pci_bus_id"]
    mig = bool(card.device.profile)
    util = "N/A" if mig else f"{figures.util:.0f}%"
    power = f"{figures.power:.0f}W / {model.limit:>4.0f}W"
    memory = f"{figures.memory_used:.0f}MiB / {_total(card):>6.0f}MiB"
    return (
        f"| {card.number:>3}  {model.name[:26]:<26} {'On':>7} | {bus:>18} Off | {card.device.fault.ecc_dbe:>20} |\n"
        f"| N/A  {figures.temperature:>3.0f}C    P0 {power:>22} | {memory:>22} | {util:>8}      Default |\n"
        f"| {'':<39} | {'':<22} | {'Enabled' if mig else 'Disabled':>20} |\n"
    )

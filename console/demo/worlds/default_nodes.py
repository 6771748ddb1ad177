"""The machines of the default world: a control plane, CPU nodes and GPU nodes in every condition."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from console.demo.client import Object
from console.demo.gpu_devices import FAULTS
from console.demo.worlds.making import Making, node_address
from console.demo.worlds.naming import stable_uid

H100, A100, T4, A10G = "NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB", "Tesla-T4", "NVIDIA-A10G"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
MEMORY = {H100: 81559, A100: 81920, T4: 15360, A10G: 23028}  # MiB
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Machine:
    """One node. `gpus` is what the device plugin offers, by resource."""

    name: str
    pool: str
    instance: str
    cpu: int
    memory: int  # GiB
    age: float  # days
    gpus: dict[str, int] = field(default_factory=dict)
    product: str = ""
    cards: int = 0  # physical GPUs
    shared: int = 1
    lost: dict[int, int] = field(default_factory=dict)  # GPU index to its XID
    cordoned: float | None = None  # seconds ago
    control_plane: bool = False


MACHINES: tuple[Machine, ...] = (
    Machine("ctl-1", "control", "c16", 16, 64, 143, control_plane=True),
    Machine("cpu-1", "cpu", "c64", 64, 256, 143),
    Machine("cpu-2", "cpu", "c64", 64, 256, 143),
    Machine("cpu-3", "cpu", "c64", 64, 256, 61),
    *(Machine(f"gpu-h-{i:02}", "h100", "h100x8", 192, 2015, 61, {"nvidia.com/gpu": 8}, H100, 8) for i in range(1, 5)),
    Machine("gpu-a-01", "a100", "a100x8", 96, 1007, 143, {"nvidia.com/gpu": 8}, A100, 8),
    Machine("gpu-a-02", "a100", "a100x8", 96, 1007, 143, {"nvidia.com/gpu": 8}, A100, 8, lost={5: 79}),
    Machine("gpu-a-03", "a100", "a100x8", 96, 1007, 143, {"nvidia.com/gpu": 8}, A100, 8, cordoned=5400),
    Machine("gpu-t-01", "t4", "t4x4", 48, 188, 88, {"nvidia.com/gpu": 4}, T4, 4),
    Machine(
        "gpu-m-01",
        "mig",
        "a100x2",
        24,
        251,
        88,
        {"nvidia.com/mig-1g.10gb": 8, "nvidia.com/mig-3g.40gb": 2},
        A100,
        2,
    ),
    Machine("gpu-s-01", "shared", "a10gx2", 32, 125, 40, {"nvidia.com/gpu": 8}, A10G, 2, shared=4),
)

LOST_AT = 47 * 60.0  # seconds ago the GPU fell off the bus


def make_nodes(making: Making) -> None:
    """Add every node with its lease."""
    for machine in MACHINES:
        node = making.add(_node(making, machine), machine.age * DAY)
        _say(making, machine, node)
        making.add(
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": machine.name, "namespace": "kube-node-lease"},
                "spec": {
                    "holderIdentity": machine.name,
                    "leaseDurationSeconds": 40,
                    "renewTime": making.time(4).replace("Z", ".000000Z"),
                },
            },
            machine.age * DAY,
        )


def _labels(machine: Machine) -> dict[str, str]:
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": machine.name,
        "node.kubernetes.io/instance-type": machine.instance,
        "topology.kubernetes.io/region": "dc1",
        "topology.kubernetes.io/zone": "dc1-a" if machine.pool in ("control", "cpu", "h100") else "dc1-b",
        "node-pool": machine.pool,
    }
    if machine.control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
    if machine.gpus:
        product = f"{machine.product}-SHARED" if machine.shared > 1 else machine.product
        labels |= {
            "nvidia.com/cuda.driver.major": "570",
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": product,
            "nvidia.com/gpu.count": str(machine.cards),
            "nvidia.com/gpu.memory": str(MEMORY[machine.product]),
            "nvidia.com/gpu.replicas": str(machine.shared),
            "nvidia.com/mig.strategy": "mixed",
            "nvidia.com/mig.config": "custom" if machine.pool == "mig" else "all-disabled",
            "nvidia.com/mig.config.state": "success",
        }
    return labels


def _node(making: Making, machine: Machine) -> Object:
    capacity = {
        "cpu": str(machine.cpu),
        "ephemeral-storage": "1843269236Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory * 1024 * 1024}Ki",
        "pods": "110",
        **{resource: str(count) for resource, count in machine.gpus.items()},
    }
    allocatable = {
        **capacity,
        "cpu": f"{machine.cpu * 1000 - 250}m",
        "ephemeral-storage": "1698756929155",
        "memory": f"{(machine.memory - 2) * 1024 * 1024}Ki",
    }
    if machine.lost:
        allocatable["nvidia.com/gpu"] = str(machine.gpus["nvidia.com/gpu"] - len(machine.lost))
    taints: list[Object] = []
    if machine.control_plane:
        taints.append({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"})
    if machine.gpus:
        taints.append(dict(GPU_TAINT))
    if machine.cordoned is not None:
        since = making.time(machine.cordoned)
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": since})
    annotations = {
        "node.alpha.kubernetes.io/ttl": "0",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }
    if machine.lost:
        faults = {str(index): {"xid": xid, "since": making.now - LOST_AT} for index, xid in machine.lost.items()}
        annotations[FAULTS] = msgspec.json.encode(faults).decode()
    number = sum(machine.name.encode())
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": machine.name, "labels": _labels(machine), "annotations": annotations},
        "spec": {
            "podCIDR": f"10.244.{number % 200 + 10}.0/24",
            "podCIDRs": [f"10.244.{number % 200 + 10}.0/24"],
            "providerID": f"bare://dc1/{machine.name}",
            **({"taints": taints} if taints else {}),
            **({"unschedulable": True} if machine.cordoned is not None else {}),
        },
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "conditions": _conditions(making, machine),
            "addresses": [
                {"type": "InternalIP", "address": node_address(machine.name)},
                {"type": "Hostname", "address": machine.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": stable_uid("machine", machine.name).replace("-", ""),
                "systemUUID": stable_uid("system", machine.name),
                "bootID": stable_uid("boot", machine.name),
                "kernelVersion": "6.8.0-60-generic",
                "osImage": "Ubuntu 24.04.2 LTS",
                "containerRuntimeVersion": "containerd://2.0.5",
                "kubeletVersion": "v1.34.3",
                "kubeProxyVersion": "v1.34.3",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def _conditions(making: Making, machine: Machine) -> list[Object]:
    up = making.time(machine.age * DAY / 3)
    beat = making.time(20)
    found = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": beat,
            "lastTransitionTime": up,
        }
        for kind, status, reason, message in found
    ]


def _say(making: Making, machine: Machine, node: Object) -> None:
    if machine.cordoned is not None:
        message = f"Node {machine.name} status is now: NodeNotSchedulable"
        making.event(
            node, "Normal", "NodeNotSchedulable", message, ago=machine.cordoned, component="kubelet", host=machine.name
        )
    for index, xid in machine.lost.items():
        making.event(
            node,
            "Warning",
            "GPUXidError",
            f"NVRM: Xid (PCI:0000:BB:00): {xid}, GPU has fallen off the bus. GPU {index} marked unhealthy",
            ago=LOST_AT,
            component="gpu-health",
            host=machine.name,
        )

"""Draws the README's pictures and its table of keys: the console on the embedded cluster, driven by keys alone.

python tests/pictures/draw.py
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from config import load
from config.keymap import Keymap, load_keymap
from console.cluster.session import Target
from console.demo.child import start
from screens.app import KfconsoleApp
from screens.places import Place

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"
SIZES = ((80, 24), (140, 40))

# name, keys from the start view, what must be on screen before the picture is taken
JOURNEYS = (
    ("start", (), r"Running jobs \(\d+\)[\s\S]*GPUs +used \d+|GPUs +used \d+[\s\S]*Platform +ok"),
    ("jobs", (":jobs team-nlp", "enter"), r"llama-70b-pretrain"),
    (
        "replicas",
        (":pytorchjobs team-nlp", "enter", "wait:llama-70b", "/llama", "enter", "enter"),
        r"Prometheus|lags|worker-2",
    ),
    ("logs", (":jobs team-nlp", "enter", "wait:llama-70b", "/llama", "enter", "l"), r"master-0 +\[rank0\]"),
    ("gpus", (":gpus", "enter"), r"idle \d+ held|no GPU is held idle"),
    ("custom", (":clustertrainingruntimes", "enter"), r"torch-distributed"),
    ("help", (":jobs", "enter", "wait:NAMESPACE", "question_mark"), r"describe"),
)


def key_table(keymap: Keymap) -> str:
    """The table of keys, one row an action that has words."""
    rows = ["| view | keys | what they do |", "| --- | --- | --- |"]
    for scope in keymap.scopes:
        for binding in keymap.bindings(scope):
            if binding.help:
                keys = " ".join(f"`{key}`" for key in binding.keys)
                rows.append(f"| {scope} | {keys} | {binding.help} |")
    return "\n".join(rows)


def with_keys(text: str, keymap: Keymap) -> str:
    """The README's text with its table of keys made again."""
    opening, closing = "<!-- keys: made from config/keymap.yaml; a test compares -->", "<!-- end of keys -->"
    head, _, rest = text.partition(opening)
    tail = rest.partition(closing)[2]
    return f"{head}{opening}\n\n{key_table(keymap)}\n\n{closing}{tail}"


def screen_text(app: KfconsoleApp) -> str:
    """The screen as lines of text."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width].rstrip() for strip in strips[:height])


async def draw(kubeconfig: str, size: tuple[int, int], name: str, keys: tuple[str, ...], shown: str) -> None:
    """One picture."""
    app = KfconsoleApp(Target(kubeconfig=kubeconfig), load({"theme": "dark"}, environ={}), Place("start"))
    async with app.run_test(size=size) as pilot:

        async def until(pattern: str) -> None:
            for _ in range(600):
                await pilot.pause(0.05)
                if re.search(pattern, screen_text(app)):
                    return
            raise SystemExit(f"{name}: {pattern!r} never appeared on\n{screen_text(app)}")

        await until(r"Attention \(\d+\)")
        await until(r"used \d+/\d+|used \d+ ")
        for key in keys:
            if key.startswith("wait:"):
                await until(key.removeprefix("wait:"))
            elif len(key) > 1 and key[0] in ":/":
                await pilot.press(
                    *(
                        "colon"
                        if c == ":"
                        else "slash"
                        if c == "/"
                        else "space"
                        if c == " "
                        else "minus"
                        if c == "-"
                        else c
                        for c in key
                    )
                )
            else:
                await pilot.press(key)
            await pilot.pause(0.2)
        await until(shown)
        await pilot.pause(6.0 if name in ("replicas", "gpus") else 1.5)
        (HERE / f"{name}-{size[0]}x{size[1]}.svg").write_text(app.export_screenshot(title="kfconsole"))


async def main() -> None:
    """Every picture at both sizes, then the table of keys."""
    with start() as cluster:
        for size in SIZES:
            for name, keys, shown in JOURNEYS:
                await draw(cluster.kubeconfig, size, name, keys, shown)
    README.write_text(with_keys(README.read_text("utf-8"), load_keymap()), "utf-8")


if __name__ == "__main__":
    asyncio.run(main())

"""The text format of exporters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.telemetry.exposition import Sample, parse

TEXT = """\
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="n1",container="c",namespace="team-a",pod="w-0"} 93
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 9223372036854775794
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1",} 71.5 1700000000000
other{a="x"} 1
plain 3
nan_is_nothing NaN
broken{a="x} 1
DCGM_FI_DEV_FB_USED{pod="a\\"b\\\\c\\nd"} 5
"""


def test_samples_labels_escapes_and_blank_values() -> None:
    samples, unread = parse(TEXT, lambda name: name != "other")
    assert unread == 1
    assert [sample.name for sample in samples] == [
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_POWER_USAGE",
        "plain",
        "DCGM_FI_DEV_FB_USED",
    ]
    assert samples[0].labels["pod"] == "w-0"
    assert samples[0].value == 93
    assert samples[1].value == 71.5
    assert samples[2] == Sample("plain", {}, 3.0)
    assert samples[3].labels["pod"].startswith('a"b\\c')
    assert "\n" not in samples[3].labels["pod"]


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    parse(text)


names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(st.dictionaries(names, values, max_size=4), st.floats(-1e9, 1e9))
def test_what_is_written_is_read(labels: dict[str, str], value: float) -> None:
    inside = ",".join(
        '{}="{}"'.format(name, text.replace("\\", "\\\\").replace('"', '\\"')) for name, text in labels.items()
    )
    samples, unread = parse(f"m{{{inside}}} {value!r}\n")
    assert unread == 0
    assert samples == [Sample("m", labels, value)]

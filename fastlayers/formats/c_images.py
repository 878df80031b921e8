"""What becomes of layers of images in a C file."""

from __future__ import annotations

from typing import Any

from .._core.windows import Pair, pair
from .c_source import Numbers, Source


def convolution(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """Each number of a filter is multiplied by all those of an image that it meets, row by row."""
    layer, W = step.layer, step.own["W"]
    stride, pad, dilation = _pairs(layer.stride, layer.pad, layer.dilation)
    filters, channels, *window = W.shape
    _, height, width = step.shape
    _, high, wide = step.result
    first = f"{source.hold(step.named('b'), step.own['b'])}[f]" if "b" in step.own else "0"
    held = source.hold(step.named("W"), W.reshape(filters, -1))
    channel = "c" if layer.groups == 1 else f"f / {filters // layer.groups} * {channels} + c"
    ends, column = f"int j = 0; j < {wide}; j++", f"j * {stride[1]} + w * {dilation[1]}"
    row_check = bounds = ""
    if any(pad):
        row_check = f"if (row < 0 || row >= {height}) continue;"
        ends, column = "int j = begin; j < end; j++", f"j * {stride[1]} - left"
        # The first place at which the number meets the image, and the one behind the last.
        bounds = f"""
                    const int left = {pad[1]} - w * {dilation[1]};
                    const int begin = left > 0 ? (left + {stride[1] - 1}) / {stride[1]} : 0;
                    const int behind = left > -{width} ? ({width - 1} + left) / {stride[1]} + 1 : 0;
                    const int end = behind < {wide} ? behind : {wide};"""
    source.add(f"""
        for (int f = 0; f < {filters}; f++) {{
            for (int i = 0; i < {high * wide}; i++) {y[f"f * {high * wide} + i"]} = {first};
            for (int c = 0; c < {channels}; c++)
                for (int h = 0; h < {window[0]}; h++) for (int w = 0; w < {window[1]}; w++) {{
                    const REAL v = {held}[f][(c * {window[0]} + h) * {window[1]} + w];{bounds}
                    for (int i = 0; i < {high}; i++) {{
                        const int row = i * {stride[0]} + h * {dilation[0]} - {pad[0]};
                        {row_check}
                        for ({ends})
                            {y[f"(f * {high} + i) * {wide} + j"]} +=
                                v * {x[f"(({channel}) * {height} + row) * {width} + {column}"]};
                    }}
                }}
        }}
    """)


def max_pooling(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """The largest of each window; nan where it has one."""
    _pooled(source, step, x, y, "REAL best = -(REAL)INFINITY;", "", "if (v > best || v != v) best = v;", "", "best")


def average_pooling(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """The mean of each window."""
    layer = step.layer
    window = layer.pool_h * layer.pool_w
    counts = layer.count_include_pad or not any(_pairs(layer.pad)[0])
    _pooled(
        source,
        step,
        x,
        y,
        "REAL sum = 0;" + ("" if counts else " int count = 0;"),
        "REAL part = 0;",
        "part += v;" + ("" if counts else " count++;"),
        "sum += part;",
        f"sum / {window}" if counts else "sum / (REAL)count",
    )


def global_average_pooling(source: Source, step: Any, x: Numbers, y: Numbers) -> None:
    """The mean of each channel."""
    channels, height, width = step.shape
    source.add(f"""
        for (int c = 0; c < {channels}; c++) {{
            REAL sum = 0;
            for (int i = c * {height}; i < (c + 1) * {height}; i++) {{
                REAL part = 0;
                for (int j = 0; j < {width}; j++) part += {x[f"i * {width} + j"]};
                sum += part;
            }}
            {y["c"]} = sum / {height * width};
        }}
    """)


def _pooled(
    source: Source, step: Any, x: Numbers, y: Numbers, begin: str, row: str, each: str, end: str, result: str
) -> None:
    """What becomes of each window: what is said before all numbers, before and after those of a row, and of each."""
    layer = step.layer
    stride, pad = _pairs(layer.stride, layer.pad)
    channels, height, width = step.shape
    _, high, wide = step.result
    row_check, column_check = (
        f"if ({name} < 0 || {name} >= {size}) continue;" if any(pad) else ""
        for name, size in (("row", height), ("column", width))
    )
    source.add(f"""
        for (int c = 0; c < {channels}; c++)
            for (int i = 0; i < {high}; i++) for (int j = 0; j < {wide}; j++) {{
                {begin}
                for (int h = 0; h < {layer.pool_h}; h++) {{
                    const int row = i * {stride[0]} + h - {pad[0]};
                    {row_check}
                    {row}
                    for (int w = 0; w < {layer.pool_w}; w++) {{
                        const int column = j * {stride[1]} + w - {pad[1]};
                        {column_check}
                        const REAL v = {x[f"(c * {height} + row) * {width} + column"]};
                        {each}
                    }}
                    {end}
                }}
                {y[f"(c * {high} + i) * {wide} + j"]} = {result};
            }}
    """)


def _pairs(*options: Pair) -> list[tuple[int, int]]:
    return [pair("option", option, 0) for option in options]

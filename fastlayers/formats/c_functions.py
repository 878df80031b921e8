"""The functions of one number, or of one row, in a C file: as `formulas` has them, in the type of the network.

They keep the digits that `fastlayers` promises. What a rounding lost is put right from what it lost, by ``fma`` where
that has to be exact; a product is ``volatile`` where a compiler could else leave its rounding out, as GCC does on
machines with such an instruction unless it is told ``-std=c99``.
"""

from __future__ import annotations

SIGMOID = """
    static REAL NAME_sigmoid(REAL x)
    {
        const REAL e = exp@(-fabs@(x));
        return (x >= 0 ? 1 : e) / (1 + e);
    }
"""
# exp(x / 2) is multiplied by twice: exp(x) leaves the range before the product does.
SILU = """
    static REAL NAME_silu(REAL x)
    {
        const REAL half = exp@(-fabs@(x) / 2);
        return (x >= 0 ? x : fmax@(x, -1e4@) * half * half) / (1 + half * half);
    }
"""
# Of the digits of the root of 1/2 that the first constant has not, the tail's slope makes what they are worth. Far out,
# where erfc leaves the range before its product with x does, a series takes its place.
GELU = """
    static REAL NAME_gelu(REAL x)
    {
        const REAL a = fabs@(x);
        if (!(a < 40)) return x < 0 ? -0.0@ : x;
        const REAL z = a * HIGH;
        const REAL lost = fma@(a, HIGH, -z) + a * LOW;
        REAL below = a * (erfc@(z) / 2 - lost * 0.56418958354775629@ * exp@(-z * z));
        if (a > FAR) {
            const volatile REAL square = a * a;
            const REAL half = exp@(-square / 4);
            REAL series = 1;
            for (int odd = 11; odd > 0; odd -= 2) series = 1 - (REAL)odd / square * series;
            below = series * 0.39894228040143268@ * half * half * (1 - fma@(a, a, -square) / 2);
        }
        return (x > 0 ? x : 0) - below;
    }
"""
GELU_TANH = """
    static REAL NAME_gelu_tanh(REAL x)
    {
        const REAL a = fabs@(x);
        if (!(a < 25)) return x < 0 ? -0.0@ : x;
        const volatile REAL square = a * a;
        const volatile REAL inner = INNER + square;
        const REAL inner_lost = (square - (inner - INNER)) + (fma@(a, a, -square) + INNER_LOW);
        const volatile REAL cube = a * inner;
        const REAL cube_lost = fma@(a, inner, -cube) + a * inner_lost;
        const volatile REAL v = SCALE * cube;
        const REAL lost = fma@(SCALE, cube, -v) + (SCALE * cube_lost + SCALE_LOW * cube);
        const REAL half = exp@(-v / 2), below = x * half * half;
        return (x > 0 ? x : below - below * lost) / (1 + half * half * (1 - lost));
    }
"""
# What the subtraction of the largest rounds off would be an error of many ulp far below it; so would a long sum's.
SOFTMAX = """
    static void NAME_softmax(const REAL *x, REAL *y, int size)
    {
        REAL top = x[0], sum = 0, rest = 0;
        for (int i = 1; i < size; i++) top = x[i] > top ? x[i] : top;
        for (int i = 0; i < size; i++) {
            const REAL shifted = x[i] - top, part = shifted - x[i];
            const REAL lost = (x[i] - (shifted - part)) - (top + part);
            const REAL e = exp@(shifted), exact = lost > -1 && lost < 1 ? e + e * lost : e;
            const REAL total = sum + exact;
            rest += sum > exact ? (sum - total) + exact : (exact - total) + sum;
            sum = total;
            y[i] = exact;
        }
        for (int i = 0; i < size; i++) y[i] /= sum + rest;
    }
"""
# Where a dtype's series begins; and numbers in two parts: the first in the type's digits, of INNER's fewer, so that
# a sum with it can be taken apart.
_PARTS = {
    "float32": {
        "FAR": "12",
        "HIGH": "0.707106769@",
        "INNER_LOW": "2.94358301e-5@",
        "INNER": "22.3638306@",
        "SCALE_LOW": "2.3988324e-9@",
        "SCALE": "0.0713548139@",
        "LOW": "1.21016171e-8@",
    },
    "float64": {
        "FAR": "36",
        "HIGH": "0.70710678118654757@",
        "INNER_LOW": "7.0680847336708613e-15@",
        "INNER": "22.363860002236379@",
        "SCALE_LOW": "-6.1751499181553152e-19@",
        "SCALE": "0.071354816272600252@",
        "LOW": "-4.8336466567264567e-17@",
    },
}


def in_parts(template: str, dtype: str) -> str:
    """A template with its constants for a dtype."""
    for name, digits in _PARTS[dtype].items():
        template = template.replace(name, digits)
    return template

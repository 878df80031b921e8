"""Capture what PyTorch's attention and its autograd give into ``attention.npz``, so that no test needs it.

Needs the package ``torch``; run it where the sample should change::

    python tests/data/capture_attention.py

All is in float64: the steps of an encoder and a decoder, what comes out, the weights, a gradient of the output, and
what comes back of it.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention

torch.manual_seed(0)
n, t, s, h = 2, 5, 3, 4
hs_enc, hs_dec = (torch.randn(n, steps, h, dtype=torch.float64, requires_grad=True) for steps in (t, s))
dout = torch.randn(n, s, h, dtype=torch.float64)
y = scaled_dot_product_attention(hs_dec, hs_enc, hs_enc, scale=1.0)
y.backward(dout)
# With ones on the diagonal in place of the steps, what comes out is the weights.
weights = scaled_dot_product_attention(hs_dec, hs_enc, torch.eye(t, dtype=torch.float64).expand(n, t, t), scale=1.0)
arrays = {"hs_enc": hs_enc, "hs_dec": hs_dec, "y": y, "weights": weights, "dout": dout}
arrays |= {"dhs_enc": hs_enc.grad, "dhs_dec": hs_dec.grad}
path = Path(__file__).with_name("attention.npz")
np.savez_compressed(path, **{name: array.detach().numpy() for name, array in arrays.items()})

from typing import Any

from numpy.typing import NDArray
from typing_extensions import disjoint_base

@disjoint_base
class Recycler:
    def like(self, array: NDArray[Any]) -> NDArray[Any]: ...

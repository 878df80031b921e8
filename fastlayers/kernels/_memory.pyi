from typing import Any

from numpy.typing import NDArray

class Recycler:
    def like(self, array: NDArray[Any]) -> NDArray[Any]: ...

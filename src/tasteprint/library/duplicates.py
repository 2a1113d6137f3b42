"""Stand-in until the real room comes: equal embeddings are duplicates.

Enters: embeddings. Leaves: groups. Does not know: anything.
"""

from __future__ import annotations

import numpy as np


def near_duplicates(embeddings: np.ndarray) -> np.ndarray:
    """Number of the group of each picture."""
    return np.unique(embeddings, axis=0, return_inverse=True)[1].reshape(-1)

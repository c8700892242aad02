"""What this machine has ready for a simulation: the folder of compiled kernels and whether it can be written."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import final

from vivocart.ground.kept import cache_folder


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCache:
    """Folder of compiled kernels, how many lie in it, their bytes, and whether a new one can be kept."""

    folder: Path
    n_kernels: int
    n_bytes: int
    is_writable: bool


def kernel_cache() -> KernelCache:
    """State of the kernel cache; looking changes nothing that stays."""
    folder = cache_folder()
    kernels = sorted(folder.glob("*.kernel")) if folder.is_dir() else []
    return KernelCache(
        folder=folder,
        n_kernels=len(kernels),
        n_bytes=sum(kernel.stat().st_size for kernel in kernels),
        is_writable=_is_writable(folder),
    )


def thread_count() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_writable(folder: Path) -> bool:
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return True
    except OSError:
        return False

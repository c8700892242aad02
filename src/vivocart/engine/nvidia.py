"""Graphics cards of NVIDIA, through the bindings of their own driver (package ``cuda-bindings``)."""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, final

from numpy.typing import NDArray

from vivocart.engine import device_code
from vivocart.ground.errors import InputError, SimulationError

_MEND = "leave the device out: vivocart runs on the processors then"
_BLOCK = 64  # threads that a card places together: few, so that a small number of patients is spread over all of it
_THREADS_OF_A_MULTIPROCESSOR = 256  # its registers, all 255 of a thread
_OLDEST = (7, 5)  # compute capability for which code is written


@cache
def find_gpu() -> NvidiaDevice:
    """The first graphics card of this machine.

    Raises
    ------
    InputError
        There is none, its driver or ``cuda-bindings`` is missing, or it is older than 2018.
    """
    try:
        driver: Any = importlib.import_module("cuda.bindings.driver")  # only who asks for a card waits for it
    except ImportError:
        raise InputError(
            "no graphics card can be used without the package cuda-bindings",
            where="device",
            mend=f"pip install 'vivocart[gpu]', or {_MEND}",
        ) from None
    try:
        found, count = driver.cuInit(0)[0], 0
        if found == driver.CUresult.CUDA_SUCCESS:
            found, count = driver.cuDeviceGetCount()
    except RuntimeError:  # the library of the driver is not on this machine
        found, count = None, 0
    if found != driver.CUresult.CUDA_SUCCESS or count == 0:
        raise InputError(
            "this machine has no graphics card of NVIDIA that answers", where="device", mend=_MEND
        )
    return NvidiaDevice(driver)


@final
class NvidiaDevice:
    """A card, as :class:`vivocart.engine.device.Device` describes it."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._device = self._asked(driver.cuDeviceGet(0))
        attribute = driver.CUdevice_attribute
        capability = (
            self._attribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            self._attribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        )
        self.name = self._asked(driver.cuDeviceGetName(128, self._device)).split(b"\0")[0].decode()
        if capability < _OLDEST:
            raise InputError(
                f"the graphics card ({self.name}) has compute capability {capability[0]}.{capability[1]}; "
                f"code is written for {_OLDEST[0]}.{_OLDEST[1]} and later",
                where="device",
                mend=_MEND,
            )
        multiprocessors = self._attribute(attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
        self.target = device_code.target()
        self.threads = multiprocessors * _THREADS_OF_A_MULTIPROCESSOR
        self._context = self._asked(driver.cuDevicePrimaryCtxRetain(self._device))
        self._loaded: dict[str, Mapping[str, Any]] = {}

    def _asked(self, answer: tuple[Any, ...]) -> Any:
        """What the driver answers; its errors by their names."""
        error, *values = answer
        if error != self._driver.CUresult.CUDA_SUCCESS:
            raise SimulationError(f"the graphics card does not go on: {error.name}; {_MEND}")
        return values[0] if values else None

    def _attribute(self, attribute: Any) -> int:
        return int(self._asked(self._driver.cuDeviceGetAttribute(attribute, self._device)))

    def assemble(self, module: str) -> bytes:
        """Code for cards from a module of LLVM assembly; the driver finishes it for the one at hand."""
        return device_code.assemble(module)

    def load(self, code: bytes) -> Mapping[str, Any]:
        """The functions of code, by the names of the loops."""
        key = hashlib.sha256(code).hexdigest()
        self._enter()
        if key not in self._loaded:
            module = self._asked(self._driver.cuModuleLoadData(code + b"\0"))
            self._loaded[key] = {
                name: self._asked(self._driver.cuModuleGetFunction(module, f"all_{name}".encode()))
                for name in device_code.BLOCKS
            }
        return self._loaded[key]

    def _enter(self) -> None:
        """Lets the calling thread speak to the card."""
        self._asked(self._driver.cuCtxSetCurrent(self._context))

    def free_memory(self) -> int:
        """Bytes that can be had."""
        self._enter()
        error, free, _ = self._driver.cuMemGetInfo()
        self._asked((error,))
        return int(free)

    def allocate(self, size: int) -> int:
        """The address of so many bytes, a multiple of 256."""
        return int(self._asked(self._driver.cuMemAlloc(size)))

    def clear(self, address: int, size: int) -> None:
        """Fills memory with zeros."""
        self._asked(self._driver.cuMemsetD8(address, 0, size))

    def release(self, address: int) -> None:
        """Gives memory back."""
        self._driver.cuMemFree(address)  # after an error of the card this fails too, and says nothing new

    def write(self, address: int, array: NDArray[Any]) -> None:
        """Copies an array to the card."""
        self._asked(self._driver.cuMemcpyHtoD(address, array.ctypes.data, array.nbytes))

    def read(self, address: int, array: NDArray[Any]) -> None:
        """Copies from the card into an array."""
        self._asked(self._driver.cuMemcpyDtoH(array.ctypes.data, address, array.nbytes))

    def launch(self, function: Any, threads: int, arguments: Sequence[int]) -> None:
        """Runs a function in at least so many threads, and waits for them."""
        given = (tuple(arguments), (ctypes.c_int64,) * len(arguments))
        blocks = -(-threads // _BLOCK)
        self._asked(self._driver.cuLaunchKernel(function, blocks, 1, 1, _BLOCK, 1, 1, 0, 0, given, 0))
        self._asked(self._driver.cuCtxSynchronize())

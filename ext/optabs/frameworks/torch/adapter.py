"""PyTorch's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import numpy as np
import torch
from torch import backends
from torch.nn.modules import module as _module

# Dtypes that NumPy lacks, and the wider one that holds their values exactly.
_WIDER = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}
for _name in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu"):
    if hasattr(torch, f"float8_{_name}"):
        _WIDER[getattr(torch, f"float8_{_name}")] = torch.float32

# Global settings as name: (read, write).
_SWITCHES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "deterministic algorithms": (
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
    ),
    "number of threads": (torch.get_num_threads, torch.set_num_threads),
    "warn always": (torch.is_warn_always_enabled, torch.set_warn_always),
    "autocast cache": (torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
    "flash attention": (backends.cuda.flash_sdp_enabled, backends.cuda.enable_flash_sdp),
    "memory-efficient attention": (
        backends.cuda.mem_efficient_sdp_enabled,
        backends.cuda.enable_mem_efficient_sdp,
    ),
    "math attention": (backends.cuda.math_sdp_enabled, backends.cuda.enable_math_sdp),
    "cuDNN attention": (backends.cuda.cudnn_sdp_enabled, backends.cuda.enable_cudnn_sdp),
    "attention fast path": (backends.mha.get_fastpath_enabled, backends.mha.set_fastpath_enabled),
    "validation of distributions": (
        lambda: torch.distributions.Distribution._validate_args,
        torch.distributions.Distribution.set_default_validate_args,
    ),
}
for _kind in ("cpu", "cuda", "mps"):
    _SWITCHES[f"autocast on {_kind}"] = (
        partial(torch.is_autocast_enabled, _kind),
        partial(torch.set_autocast_enabled, _kind),
    )
    _SWITCHES[f"autocast dtype on {_kind}"] = (
        partial(torch.get_autocast_dtype, _kind),
        partial(torch.set_autocast_dtype, _kind),
    )
for _path, _owner, _name in (
    ("backends.cudnn", backends.cudnn, "enabled"),
    ("backends.cudnn", backends.cudnn, "benchmark"),
    ("backends.cudnn", backends.cudnn, "deterministic"),
    ("backends.mkldnn", backends.mkldnn, "enabled"),
    ("backends.mkldnn", backends.mkldnn, "deterministic"),
    (
        "backends.cuda.matmul",
        backends.cuda.matmul,
        "allow_fp16_reduced_precision_reduction",
    ),
    (
        "backends.cuda.matmul",
        backends.cuda.matmul,
        "allow_bf16_reduced_precision_reduction",
    ),
    ("backends.cuda.matmul", backends.cuda.matmul, "allow_fp16_accumulation"),
    ("backends.opt_einsum", backends.opt_einsum, "enabled"),
    ("backends.opt_einsum", backends.opt_einsum, "strategy"),
    ("backends.quantized", backends.quantized, "engine"),
    ("utils.deterministic", torch.utils.deterministic, "fill_uninitialized_memory"),
):
    _SWITCHES[f"torch.{_path}.{_name}"] = (
        partial(getattr, _owner, _name),
        partial(setattr, _owner, _name),
    )
_DEFAULTS = [(read, write, read()) for read, write in _SWITCHES.values()]

# Public names that examples must not replace for others.
NAMESPACES = (torch, torch.nn, torch.nn.functional, torch.linalg, torch.fft, torch.special)
MOVING_NAMES = ("torch.Storage",)  # which PyTorch replaces itself when the default dtype is set

# Hooks on all modules, as register_module_forward_hook and its like leave them.
_HOOKS = [
    hooks
    for name, hooks in vars(_module).items()
    if name.startswith("_global_") and isinstance(hooks, dict)
]

# What PyTorch warns of on Metal where it has an op on the CPU alone; the result goes back to Metal.
FALLBACK = "will fall back to run on the CPU"

_DEVICES = {"mps": "metal"}
_PRINT_OPTIONS = torch._tensor_str.PRINT_OPTS
_PRECISE = (backends, backends.cudnn.conv, backends.mkldnn.matmul, backends.cuda.matmul)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    found = {"cpu": ""}
    # On AMD's GPUs PyTorch calls itself cuda, too; it has no CUDA then.
    if torch.version.cuda and torch.cuda.is_available() and _can_compute("cuda"):
        found["cuda"] = torch.cuda.get_device_name(0)
    if backends.mps.is_available() and _can_compute("mps"):
        found["metal"] = backends.mps.get_name()
    return found


def _can_compute(device: str) -> bool:
    try:
        return bool((torch.ones(2, device=device) * 2).cpu().sum() == 4)
    except RuntimeError:
        return False


def drivers(device: str) -> dict[str, str]:
    """Return the versions of what stands between PyTorch and a device, by name."""
    if device != "cuda":
        return {}
    found = {"CUDA": torch.version.cuda}
    if cudnn := backends.cudnn.version():
        unit = 10_000 if cudnn >= 90_000 else 1_000
        found["cuDNN"] = f"{cudnn // unit}.{cudnn % unit // 100}"
    return found


def reset(device: str, seed: int) -> None:
    """Put every global setting back, choose the device, seed the generators, forbid TF32."""
    for read, write, default in _DEFAULTS:
        if read() != default:
            write(default)
    for hooks in _HOOKS:
        hooks.clear()
    torch.set_printoptions(profile="default")
    torch.set_flush_denormal(False)
    _set_precision()
    # None, not "cpu": any other value puts a layer on every call.
    torch.set_default_device({"cpu": None, "metal": "mps"}.get(device, device))
    # torch.manual_seed would also queue a seed for each kind of device that is not there.
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.set_device(0)
        torch.cuda.manual_seed_all(seed)
    elif device == "metal":
        torch.mps.manual_seed(seed)
        torch.set_warn_always(True)  # of each fall-back, not of the first one alone


def _set_precision() -> None:
    backends.fp32_precision = "ieee"
    for part in (backends.cudnn, backends.cudnn.conv, backends.mkldnn.conv, backends.mkldnn.rnn):
        part.fp32_precision = "ieee"
    # The older switches last: they refuse to be read while they disagree with the newer ones.
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = False


def describe_state() -> dict[str, Any]:
    """Return the global settings that `reset` puts back, by name, to be compared.

    Not the flushing of denormals, which cannot be read, nor the generators' state, which drawing
    changes, too.
    """
    found = {name: read() for name, (read, _) in _SWITCHES.items()}
    found["default device"] = torch.get_default_device()
    found["hooks on all modules"] = any(_HOOKS)
    found["print options"] = tuple(vars(_PRINT_OPTIONS).values())
    found["float32 precision"] = tuple(part.fp32_precision for part in _PRECISE)
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of an array or scalar, or None for anything else.

    Sparse, quantized, nested, masked and meta tensors are not dense values: None.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.name, value
    if not isinstance(value, torch.Tensor) or not _is_dense(value):
        return None
    name = str(value.dtype).partition(".")[2]
    dense = value.detach().to(_WIDER.get(value.dtype, value.dtype))
    return name, dense.numpy(force=True)


def locate(value: Any) -> str | None:
    """Return the device that a tensor is on, or None for anything else."""
    if not isinstance(value, torch.Tensor):
        return None
    return _DEVICES.get(value.device.type, value.device.type)


def _is_dense(value: torch.Tensor) -> bool:
    return (
        value.layout is torch.strided
        and value.device.type != "meta"
        and not value.is_quantized
        and not value.is_nested
        and not torch.masked.is_masked_tensor(value)
    )


def synchronize() -> None:
    """Wait for queued work on the accelerator that is in use."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    if backends.mps.is_available():
        torch.mps.synchronize()

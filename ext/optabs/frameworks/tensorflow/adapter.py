"""TensorFlow's glue for the worker: devices, defaults and values. Runs on Python 3.9 and newer."""

from __future__ import annotations

import contextlib
import sys
from importlib import metadata
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Some settings have no public way back.
from tensorflow.python.data.ops import debug_mode as _debug_mode
from tensorflow.python.eager import context as _context
from tensorflow.python.framework import config as _config
from tensorflow.python.framework import ops as _ops
from tensorflow.python.ops.numpy_ops import np_dtypes as _np_dtypes

_GPUS = tf.config.list_physical_devices("GPU")
_GPU = "metal" if sys.platform == "darwin" else "cuda"
_LOG_LEVEL = tf.get_logger().level
_TENSOR_MEMBERS = dict(vars(tf.Tensor))
_device_scope = contextlib.ExitStack()

# Settings of the tf.keras that comes along, outside its session, as (write, default).
_KERAS_SETTINGS = [
    (keras.config.set_floatx, keras.config.floatx()),
    (keras.config.set_epsilon, keras.config.epsilon()),
    (keras.config.set_image_data_format, keras.config.image_data_format()),
    (keras.config.set_max_epochs, keras.config.max_epochs()),
    (keras.config.set_max_steps_per_epoch, keras.config.max_steps_per_epoch()),
]

_READ = {
    "eager execution": tf.executing_eagerly,
    "functions run eagerly": tf.config.functions_run_eagerly,
    # The public ways to read these take longer than all the others together.
    "soft device placement": lambda: _context.context()._soft_device_placement,
    "just-in-time compilation": lambda: _context.context()._optimizer_jit,
    "log of device placement": lambda: _context.context()._log_device_placement,
    "TF32": tf.config.experimental.tensor_float_32_execution_enabled,
    "synchronous execution": tf.config.experimental.get_synchronous_execution,
    "deterministic ops": _config.is_op_determinism_enabled,
    "distribution strategy": tf.distribute.has_strategy,
    "traceback filtering": tf.debugging.is_traceback_filtering_enabled,
    "debug mode of datasets": lambda: _debug_mode.DEBUG_MODE,
    "NumPy behavior": lambda: _ops._numpy_style_slicing,
    "summary step": tf.summary.experimental.get_step,
    "Keras's floatx": keras.config.floatx,
    "Keras's epsilon": keras.config.epsilon,
    "Keras's image data format": keras.config.image_data_format,
    "Keras's dtype policy": lambda: keras.config.dtype_policy().name,
}

# Public names that examples must not replace for others.
NAMESPACES = (tf, tf.math, tf.nn, tf.linalg, tf.random)


def devices() -> dict[str, str]:
    """Return the usable devices and their names; an empty name means the processor's."""
    found = {"cpu": ""}
    if _GPUS and not tf.test.is_built_with_rocm() and _can_compute():
        details = tf.config.experimental.get_device_details(_GPUS[0])
        found[_GPU] = details.get("device_name", "GPU")
    return found


def _can_compute() -> bool:
    try:
        with tf.device("/GPU:0"):
            return bool(tf.reduce_sum(tf.ones(2) * 2).numpy() == 4)
    except (RuntimeError, tf.errors.OpError):
        return False


def drivers(device: str) -> dict[str, str]:
    """Return the versions of what stands between TensorFlow and a device, by name."""
    found = {}
    if device == "cuda":
        build = tf.sysconfig.get_build_info()  # what it was built with
        for name, key in (("CUDA", "cuda_version"), ("cuDNN", "cudnn_version")):
            if key in build:
                found[name] = build[key]
    elif device == "metal":
        with contextlib.suppress(metadata.PackageNotFoundError):
            found["tensorflow-metal"] = metadata.version("tensorflow-metal")
    return found


class _SeededGenerator:
    """The global generator, made when it is first used: to make one takes 4 ms."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __getattr__(self, name: str) -> Any:
        if "_made" not in vars(self):
            with tf.init_scope():
                self._made = tf.random.Generator.from_seed(self._seed)
            tf.random.set_global_generator(self._made)
        return getattr(self._made, name)


def reset(device: str, seed: int) -> None:
    """Put every global setting back, choose the device, seed the generators, forbid TF32."""
    _reset_execution()
    _reset_numpy_behavior()
    keras.utils.clear_session(free_memory=False)
    for write, default in _KERAS_SETTINGS:
        write(default)
    keras.saving.get_custom_objects().clear()
    _device_scope.close()
    if device == "cpu" and _GPUS:  # on a GPU, TensorFlow itself places what the GPU can do there
        _device_scope.enter_context(tf.device("/CPU:0"))
    keras.utils.set_random_seed(seed)  # tf.random.set_seed too
    tf.random.set_global_generator(_SeededGenerator(seed))


def _reset_execution() -> None:
    if not tf.executing_eagerly():
        tf.compat.v1.reset_default_graph()
    tf.compat.v1.enable_v2_behavior()
    tf.config.run_functions_eagerly(False)
    tf.config.set_soft_device_placement(True)
    tf.config.optimizer.set_jit(False)
    _context.context()._optimizer_experimental_options.clear()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.set_synchronous_execution(True)
    if _config.is_op_determinism_enabled():
        _config.disable_op_determinism()
    if tf.distribute.has_strategy():
        tf.distribute.experimental_set_strategy(None)
    tf.debugging.disable_check_numerics()
    tf.debugging.enable_traceback_filtering()
    tf.debugging.set_log_device_placement(False)
    _debug_mode.toggle_debug_mode(False)
    tf.autograph.set_verbosity(0)
    tf.get_logger().setLevel(_LOG_LEVEL)
    tf.summary.experimental.set_step(None)


def _reset_numpy_behavior() -> None:
    """Undo tf.experimental.numpy.experimental_enable_numpy_behavior."""
    if not _ops._numpy_style_slicing:
        return
    _ops._numpy_style_slicing = False
    _ops.set_dtype_conversion_mode("off")
    _np_dtypes.set_prefer_float32(False)
    for name, member in dict(vars(tf.Tensor)).items():
        if name not in _TENSOR_MEMBERS:
            delattr(tf.Tensor, name)
        elif member is not _TENSOR_MEMBERS[name]:
            setattr(tf.Tensor, name, _TENSOR_MEMBERS[name])


def describe_state() -> dict[str, Any]:
    """Return the settings that `reset` puts back, by name, to be compared.

    Not the generators' state: to draw changes it, too.
    """
    found = {name: read() for name, read in _READ.items()}
    found["Keras's custom objects"] = list(keras.saving.get_custom_objects())
    found["TensorFlow's log level"] = tf.get_logger().level
    return found


def to_numpy(value: Any) -> tuple[str, Any] | None:
    """Return (dtype name, array) of a tensor, scalar or variable, or None for anything else.

    Symbolic, sparse, ragged, quantized and string tensors and indexed slices are not dense numbers:
    None.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return _widen(value)
    if isinstance(value, keras.Variable):
        return to_numpy(value.value)
    if not isinstance(value, (tf.Tensor, tf.Variable)) or not hasattr(value, "numpy"):
        return None
    if value.dtype.is_quantized or value.dtype in (tf.string, tf.resource, tf.variant):
        return None
    return _widen(value.numpy())


def locate(value: Any) -> str | None:
    """Return the device that a tensor or variable is on, or None for anything else.

    It counts both where the op ran and where the memory is: kernels of the GPU for integers that
    may be shapes compute in the memory of the CPU.
    """
    if isinstance(value, keras.Variable):
        value = value.value
    if not isinstance(value, (tf.Tensor, tf.Variable)):
        return None
    names = value.device + getattr(value, "backing_device", "")
    return _GPU if "GPU:" in names and "CPU:" not in names else "cpu"


def _widen(array: Any) -> tuple[str, Any]:
    """Return (dtype name, array), dtypes that NumPy lacks (bfloat16, int4) as wider ones."""
    name = array.dtype.name
    if array.dtype.isbuiltin == 2:  # registered with NumPy by another package
        array = array.astype(np.int8 if "int" in name else np.float32)
    return name, array


def synchronize() -> None:
    """Wait for queued work on the GPU; on the CPU, operations are done when they return."""
    if _GPUS:
        tf.test.experimental.sync_devices()

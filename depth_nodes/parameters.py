"""A node's ROS parameters as one frozen dataclass: declared, ranged, checked and changed in one place."""

from collections.abc import Sequence
from dataclasses import Field, field, fields, replace
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node

T = TypeVar('T')


def param(default: Any, description: str, *, low: float | None = None, high: float | None = None,
          choices: Sequence[str] = (), live: bool = False) -> Any:
    """A dataclass field that is also a ROS parameter. The unit stands in `description`.

    default: a bool, int, float, str, or a tuple of floats.
    low, high: the allowed range, both ends included. choices: the allowed words.
    live: may change while the node runs; else it is read-only after the start.
    """
    return field(default=default, metadata={
        'description': description, 'low': low, 'high': high, 'choices': tuple(choices),
        'live': live})


class Checked:
    """Base of parameter dataclasses: refuses a value out of range or not among the choices."""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            value, low, high = getattr(self, f.name), f.metadata['low'], f.metadata['high']
            if low is not None and not low <= value <= high:
                raise ValueError(f'{f.name} must be within {low} and {high}, got {value}')
            choices = f.metadata['choices']
            if choices and value not in choices:
                raise ValueError(f'{f.name} must be one of {", ".join(choices)}, got {value!r}')


class Parameters(Generic[T]):
    """
    `now` is the present set of values, frozen: take it once a frame and all its values fit together.

    A change builds a new set; `__post_init__` of the dataclass may refuse it with a ValueError,
    whose text the caller of `ros2 param set` reads.
    """

    def __init__(self, node: Node, params_type: type[T]) -> None:
        """Declare every field on `node`. Raises ValueError when the values given are refused."""
        declared = {f.name: _frozen(node.declare_parameter(f.name, f.default, _descriptor(f)).value)
                    for f in fields(params_type)}  # type: ignore[arg-type]
        self.now: T = params_type(**declared)
        self._names = set(declared)
        node.add_on_set_parameters_callback(self._check)
        # Humble has no post-set callback: there the values are taken over as soon as they are checked
        self._check_takes_over = not hasattr(node, 'add_post_set_parameters_callback')
        if not self._check_takes_over:
            node.add_post_set_parameters_callback(self._apply)

    def _changed(self, parameters: list) -> T:
        return replace(self.now, **{  # type: ignore[type-var]
            p.name: _frozen(p.value) for p in parameters if p.name in self._names})

    def _check(self, parameters: list) -> SetParametersResult:
        try:
            changed = self._changed(parameters)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._check_takes_over:
            self.now = changed
        return SetParametersResult(successful=True)  # also for names that are not ours (use_sim_time)

    def _apply(self, parameters: list) -> None:
        self.now = self._changed(parameters)


def _frozen(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else tuple(value)


def _descriptor(f: Field) -> ParameterDescriptor:
    choices = f.metadata['choices']
    descriptor = ParameterDescriptor(
        description=f.metadata['description'], read_only=not f.metadata['live'],
        additional_constraints=f'one of: {", ".join(choices)}' if choices else '')
    low, high = f.metadata['low'], f.metadata['high']
    if low is not None and isinstance(f.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif low is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor

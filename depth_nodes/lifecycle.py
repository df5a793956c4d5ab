"""A managed node in two stacks: what it holds while configured, and what it holds while active."""

import ctypes
import faulthandler
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from depth_nodes.parameters import Checked, param

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDING = 20.0  # s that a node may take to end, once everything of ours is closed
STDERR = 2
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class ManagedParams(Checked):
    """The parameters of every node that is started by `run`."""

    autostart: bool = param(True, 'Configure and activate at start; false: wait for transitions.')


class ManagedNode(LifecycleNode):
    """
    Open resources in `while_configured` and `while_active`; they are closed here, last opened first.

    rclpy keeps its managed entities in a set, so in no order, and turns an exception inside a
    transition into ERROR without a word in the log: hence the stacks and the logging.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        self._configured, self._active = ExitStack(), ExitStack()
        self.is_active = False  # everything of `while_active` is open
        super().__init__(name, **kwargs)

    def while_configured(self, keep: ExitStack) -> None:
        """Load what is slow or may fail (weights, engine), create publishers."""

    def while_active(self, keep: ExitStack) -> None:
        """Start workers, then subscribe."""

    def activated(self) -> None:
        """Called once everything of `while_active` is open."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._open(self.while_configured, self._configured)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        opened = self._open(self.while_active, self._active)
        if opened == SUCCESS:
            self.is_active = True
            self.activated()
            self.get_logger().info('active')
            return super().on_activate(state)
        return opened

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        return SUCCESS

    on_shutdown = on_error = on_cleanup

    def close(self) -> None:
        """Release everything, whatever the state; closing twice does nothing."""
        self._deactivate()
        self._close(self._configured)

    def start(self) -> bool:
        """Configure and activate; the reason for a failure is in the log."""
        return self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS

    def _deactivate(self) -> None:
        self.is_active = False
        self._close(self._active)

    def _open(self, acquire: Callable[[ExitStack], None], into: ExitStack) -> TransitionCallbackReturn:
        try:
            with ExitStack() as opened:  # half-opened is closed again
                acquire(opened)
                into.push(opened.pop_all())
        except Exception as error:  # whatever it is, the operator must read it
            self.get_logger().error(f'{acquire.__name__}: {type(error).__name__}: {error}')
            return FAILURE
        return SUCCESS

    def _close(self, stack: ExitStack) -> None:
        try:
            stack.close()  # closes all of them, also when one raises
        except Exception as error:
            self.get_logger().error(f'while closing: {type(error).__name__}: {error}')


def keep_freed_memory() -> None:
    """
    Let glibc keep what is freed, for the next frame, rather than hand it back to the kernel.

    Images and clouds are megabytes that come and go with every frame; getting their pages again and
    again takes half of the time of publishing them. Does nothing with another C library.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # of malloc.h
    mallopt(mmap_threshold, 32 << 20)  # the most that glibc takes
    mallopt(trim_threshold, 512 << 20)
    mallopt(arena_max, 1)  # other arenas hold no more than 64 MB


def run(make_node: Callable[[], ManagedNode], args: list[str] | None = None) -> None:
    """The main of every node. Ends with 1 when it cannot start, with 0 on SIGINT and SIGTERM."""
    # Our own handlers: a terminal and launch both send SIGINT, and a second one that came while the
    # node is stopping would kill it half way. Here later signals change nothing.
    keep_freed_memory()
    stop = Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # no parameter file, words that are no arguments
        print(f'cannot start: {error}', file=sys.stderr)
        raise SystemExit(1) from None
    node = None
    try:
        node = make_node()
        if node.get_parameter('autostart').value and not node.start():
            raise SystemExit(1)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok() and not stop.is_set():
            # Python runs signal handlers between waits only, so a wait must not be long
            executor.spin_once(timeout_sec=0.1)
    except (ParameterException, ValueError) as error:  # a parameter that can't be: a line, no stack
        rclpy.logging.get_logger('depth_nodes').fatal(f'cannot start: {error}')
        raise SystemExit(1) from None
    finally:
        if node is not None:
            node.close()
        # Fast DDS 3.2 may wait for itself for ever when a participant ends while it is told of another one's
        # topics (DomainParticipant::set_listener). A thread of Python's could not run then; this watchdog
        # can, and is there until the interpreter has ended: it says where, and exits with 1.
        faulthandler.dump_traceback_later(ENDING, exit=True, file=STDERR)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        for number in SIGNALS:  # the interpreter takes our handlers away before it ends
            signal.signal(number, signal.SIG_IGN)

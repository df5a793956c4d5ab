"""One slot between the thread that receives and the thread that works. No ROS."""

from collections.abc import Callable
from threading import Condition, Thread
from typing import Any


class NewestFrame:
    """A context in which `work(frame)` runs on a thread of its own; a newer frame replaces a waiting one."""

    def __init__(self, work: Callable[[Any], None], on_error: Callable[[Exception], None],
                 on_drop: Callable[[], None] = lambda: None) -> None:
        """on_error: called on the worker's thread with what `work` raised; the next frame is taken.

        on_drop: called by `put` for every frame that was replaced before the worker came for it.
        """
        self._work, self._on_error, self._on_drop = work, on_error, on_drop
        self._changed = Condition()
        self._frame: Any = None
        self._closed = False
        self._thread = Thread(target=self._run, name='depth-worker', daemon=True)

    def __enter__(self) -> 'NewestFrame':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the frame in work; the waiting one is let go."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def put(self, frame: Any) -> None:
        """Return at once, never raise: message_filters calls this while it holds its lock."""
        with self._changed:
            replaced, self._frame = self._frame, frame
            self._changed.notify()
        if replaced is not None:
            self._on_drop()

    def _run(self) -> None:
        while (frame := self._take()) is not None:
            try:
                self._work(frame)
            except Exception as error:  # one bad frame must not end the node
                self._on_error(error)

    def _take(self) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._frame is not None)
            frame, self._frame = self._frame, None
            return None if self._closed else frame

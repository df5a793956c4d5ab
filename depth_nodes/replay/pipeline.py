"""Work that goes on beside other work, in order: read ahead of it, and judged behind it. No ROS."""

from collections.abc import Callable, Generator, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

T = TypeVar('T')
PATIENCE = 0.1  # s: how long a wait goes on before somebody looks whether it still makes sense


class _End:
    """Nothing comes any more; `error` is why, if it is not the end of the items."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Callable[[], Iterator[T]], size: int) -> Generator[T, None, None]:
    """
    The items, made on a thread of their own, at most `size` before they are wanted.

    items: called on that thread, which makes, uses and closes the iterator alone: files that must stay
    on the thread that opened them may. What it raises is raised here. Close the generator to stop early.
    """
    waiting: Queue[Any] = Queue(size)
    stop = Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=PATIENCE)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        end, made = _End(), None
        try:
            made = items()
            for item in made:
                if not put(item):
                    break
        except BaseException as error:  # the caller's to handle, whatever it is
            end = _End(error)
        finally:
            if isinstance(made, Generator):
                made.close()
        put(end)

    thread = Thread(target=work, name='replay-ahead', daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()


class Behind(Generic[T]):
    """A context in which `work(item)` runs for every item put, in order, on a thread of its own.

    What it raises is raised by the next `put`, or at the end of the context, which waits for all items.
    """

    def __init__(self, work: Callable[[T], None], size: int) -> None:
        """size: of the queue; `put` waits where it is full."""
        self._work, self._waiting = work, Queue[Any](size)
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._run, name='replay-behind', daemon=True)

    def __enter__(self) -> 'Behind[T]':
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # what waits is of no use any more
            while True:
                try:
                    self._waiting.get_nowait()
                except Empty:
                    break
        self._waiting.put(_End())
        self._thread.join()
        if kind is None and self._failed is not None:
            raise self._failed

    def put(self, item: T) -> None:
        if self._failed is not None:
            raise self._failed
        self._waiting.put(item)

    def _run(self) -> None:
        while not isinstance(item := self._waiting.get(), _End):
            if self._failed is not None:
                continue  # emptied, so that nobody waits for room
            try:
                self._work(item)
            except BaseException as error:  # told by `put` or at the end
                self._failed = error

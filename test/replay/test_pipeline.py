"""Work beside other work: in order, never too far ahead, and errors where they are waited for."""

import threading
from contextlib import closing

import pytest

from depth_nodes.replay.pipeline import Behind, ahead


def test_items_come_in_order_and_are_made_on_another_thread_that_closes_them():
    threads: set[str] = set()

    def items():
        threads.add(threading.current_thread().name)
        try:
            yield from range(50)
        finally:
            threads.add('closed by ' + threading.current_thread().name)

    assert list(ahead(items, 3)) == list(range(50))
    assert threads == {'replay-ahead', 'closed by replay-ahead'}


def test_no_more_is_made_ahead_than_there_is_room_for_and_closing_ends_it():
    made = []

    def items():
        for number in range(1000):
            made.append(number)
            yield number

    with closing(ahead(items, 2)) as coming:
        assert [next(coming) for _ in range(3)] == [0, 1, 2]
    assert len(made) <= 3 + 2 + 2  # taken, waiting, and in its hands
    assert not [t for t in threading.enumerate() if t.name == 'replay-ahead']


def test_what_reading_raises_comes_after_what_was_read():
    def items():
        yield 1
        raise OSError('the file ends')

    coming = ahead(items, 4)
    assert next(coming) == 1
    with pytest.raises(OSError, match='the file ends'):
        next(coming)


def test_everything_is_worked_off_in_order():
    done: list[int] = []
    with Behind(done.append, 2) as behind:
        for number in range(100):
            behind.put(number)
    assert done == list(range(100))


def test_what_work_raises_is_raised_at_the_end_and_blocks_nobody():
    def work(number: int) -> None:
        raise ValueError(f'no {number}')

    with pytest.raises(ValueError, match='no 0'), Behind(work, 1) as behind:
        for number in range(20):
            behind.put(number)


def test_an_error_of_the_caller_is_not_hidden():
    with pytest.raises(KeyError, match='mine'), Behind(lambda _: None, 1) as behind:
        behind.put(1)
        raise KeyError('mine')

"""One slot: the newest frame is worked on, what it replaces is counted, an error ends nothing."""

from threading import Event, Timer

import pytest

from depth_nodes.newest import NewestFrame

LIMIT = 10.0  # s


class Worker:
    """Holds every frame until it is let go."""

    def __init__(self):
        self.begun, self.go_on = Event(), Event()
        self.frames, self.errors, self.drops = [], [], 0

    def work(self, frame):
        self.begun.set()
        assert self.go_on.wait(LIMIT)
        self.frames.append(frame)
        if frame == 'bad':
            raise ValueError('a bad frame')

    def drop(self):
        self.drops += 1


def test_a_newer_frame_replaces_the_waiting_one_and_is_counted():
    worker, done = Worker(), Event()
    with NewestFrame(lambda f: (worker.work(f), f == 4 and done.set()), worker.errors.append,
                     worker.drop) as newest:
        newest.put(1)
        assert worker.begun.wait(LIMIT)  # 1 is in work; 2 and 3 wait in vain
        for frame in (2, 3, 4):
            newest.put(frame)
        assert worker.drops == 2
        worker.go_on.set()
        assert done.wait(LIMIT)
    assert worker.frames == [1, 4]


def test_an_error_is_handed_on_and_the_next_frame_is_worked_on():
    worker, done = Worker(), Event()
    worker.go_on.set()
    with NewestFrame(lambda f: (worker.work(f), done.set()), worker.errors.append) as newest:
        newest.put('bad')
        assert worker.begun.wait(LIMIT)
        newest.put('good')
        assert done.wait(LIMIT)
    assert [str(e) for e in worker.errors] == ['a bad frame']
    assert worker.frames[-1] == 'good'


def test_leaving_waits_for_the_frame_in_work():
    worker = Worker()
    newest = NewestFrame(worker.work, worker.errors.append)
    with newest:
        newest.put(1)
        assert worker.begun.wait(LIMIT)
        Timer(0.2, worker.go_on.set).start()
    assert worker.frames == [1]
    assert not newest._thread.is_alive()


@pytest.mark.parametrize('frames', [0, 3])
def test_it_ends_at_once_when_idle(frames):
    worker = Worker()
    worker.go_on.set()
    with NewestFrame(worker.work, worker.errors.append) as newest:
        for frame in range(frames):
            newest.put(frame)
    assert not newest._thread.is_alive()

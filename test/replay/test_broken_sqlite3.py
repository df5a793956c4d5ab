"""SQLite files that SQLite refuses, and what it had not yet moved into them."""

import shutil
import sqlite3
from contextlib import closing

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from bag_writers import contents, cut, frames, write_bag, write_humble

FRAMES = frames(60)  # 1.2 MB
CUTS = [i / 16 for i in range(1, 16)]


@pytest.mark.parametrize('size', [20_000, 3_000, 100])
def test_a_sqlite3_file_that_is_cut_off(tmp_path, size):
    """Messages on pages of their own, on one or two, and several a page."""
    written = frames(60 if size > 5000 else 600, size=size)
    file = write_bag(tmp_path / 'bag', 'sqlite3', written)
    for share in CUTS:
        path = cut(file, share, tmp_path / 'cut.db3')
        with closing(sqlite3.connect(f'file:{path}?immutable=1', uri=True)) as connection, \
                pytest.raises(sqlite3.DatabaseError, match='malformed'):
            connection.execute('SELECT count(*) FROM messages').fetchall()
        found, lost = contents(path)
        assert set(found) <= set(written) and found == sorted(found, key=lambda w: w[1])
        missing = file.stat().st_size - path.stat().st_size
        assert f'is cut off, {missing:,} bytes are missing' in lost[0]
        assert f'could not be read; {len(found)} messages could' in lost[0]
        # the order of messages is that of their pages but for a few
        assert len(found) >= len(written) * (share - 0.1)


def test_damaged_pages_of_a_sqlite3_file_cost_the_messages_on_them(tmp_path):
    file = write_bag(tmp_path / 'bag', 'sqlite3', FRAMES)
    whole = bytearray(file.read_bytes())
    begin = len(whole) // 2 // 4096 * 4096
    whole[begin:begin + 8 * 4096] = bytes(8 * 4096)  # a frame and a half
    file.write_bytes(whole)
    found, lost = contents(tmp_path / 'bag')
    assert set(found) < set(FRAMES)
    missing = 120 - len(found)
    assert 1 <= missing <= 6
    assert lost[0].startswith(f'bag.db3 is damaged: {missing} message')
    assert lost[0].endswith(f' could not be read; {len(found)} messages could')


@pytest.mark.parametrize('journal_mode', ['WAL', 'DELETE'])
def test_what_sqlite_had_not_moved_into_the_file(tmp_path, journal_mode):
    """A recorder was killed: with WAL its messages lie beside the file, else half a transaction does."""
    (tmp_path / 'live').mkdir()
    connection = write_humble(tmp_path / 'live' / 'a.db3', FRAMES[:80], journal_mode=journal_mode)
    if journal_mode == 'DELETE':
        connection.execute('PRAGMA cache_size = 4')  # pages: the rest goes to the file before the commit
        for _, time_ns, _, data in FRAMES[80:]:
            connection.execute('INSERT INTO messages(timestamp, topic_id, data) VALUES (?, 1, ?)',
                               (time_ns, data))
    shutil.copytree(tmp_path / 'live', tmp_path / 'bag')
    connection.rollback()
    connection.close()
    names = {path.name for path in (tmp_path / 'bag').iterdir()}
    assert ('a.db3-wal' if journal_mode == 'WAL' else 'a.db3-journal') in names
    before = {path.name: path.read_bytes() for path in (tmp_path / 'bag').iterdir()}
    assert contents(tmp_path / 'bag') == (FRAMES[:80], [])
    assert contents(tmp_path / 'bag' / 'a.db3') == (FRAMES[:80], [])
    # the user's files stay as they are
    assert {path.name: path.read_bytes() for path in (tmp_path / 'bag').iterdir()} == before

"""Folders whose files and metadata.yaml do not fit together: all that is there is read, and it is said."""

import shutil

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
from bag_writers import contents, cut, frames, write_bag

from depth_nodes.replay import bags

FRAMES = frames(60)  # 1.2 MB


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3'])
def test_metadata_that_does_not_fit(tmp_path, kind):
    file = write_bag(tmp_path / 'bag', kind, FRAMES)
    path = tmp_path / 'bag' / 'metadata.yaml'
    text = path.read_text()
    # another number of messages
    path.write_text(text.replace('message_count: 60', 'message_count: 75'))
    assert contents(tmp_path / 'bag') == (FRAMES, [
        'the files do not hold as many messages as metadata.yaml says: /image 60 of 75, /info 60 of 75'])
    # a topic of which nothing came; quality of service that nobody understands
    path.write_text(text.replace('name: /info', 'name: /other').replace('history', 'story'))
    with bags.Bag(tmp_path / 'bag') as bag:
        assert bag.topics['/other'].count == 0 and bag.topics['/info'].count == 60
        assert list(bag.messages()) == FRAMES and '/other 0 of 60' in bag.lost[0]
    # a file that was given another name
    renamed = file.rename(file.with_name('renamed' + file.suffix))
    path.write_text(text)
    found, lost = contents(tmp_path / 'bag')
    assert found == FRAMES and f'names files that are not there: {file.name}' in lost[0]
    # not written to the end
    renamed.rename(file)
    for content, reason in (('', 'it is empty'), (text[:150], 'KeyError'), ('a: [', 'Error'),
                            ('- 1', 'TypeError')):
        path.write_text(content)
        found, lost = contents(tmp_path / 'bag')
        assert found == FRAMES and len(lost) == 1
        assert 'metadata.yaml cannot be read' in lost[0] and reason in lost[0] and '\n' not in lost[0]


def test_files_that_metadata_does_not_name(tmp_path):
    """A recorder that was stopped has not named its last one; a repaired copy of a named one is none."""
    write_bag(tmp_path / 'bag', 'mcap', FRAMES[:60])
    file = write_bag(tmp_path / 'last', 'mcap', FRAMES[60:])
    cut(file, 0.9, tmp_path / 'bag' / 'bag_1.mcap')
    shutil.copy(tmp_path / 'bag' / 'bag.mcap', tmp_path / 'bag' / 'repaired.mcap')
    found, lost = contents(tmp_path / 'bag')
    assert found == FRAMES[:len(found)] and 100 < len(found) < 120
    assert any('bag_1.mcap was cut off' in sentence for sentence in lost)
    assert any(sentence.startswith('repaired.mcap is not in metadata.yaml and of the same time')
               for sentence in lost)


def test_one_file_of_many_that_cannot_be_read(tmp_path):
    write_bag(tmp_path / 'bag', 'mcap', FRAMES[:60])
    (tmp_path / 'bag' / 'metadata.yaml').unlink()
    (tmp_path / 'bag' / 'bag_1.mcap').touch()
    found, lost = contents(tmp_path / 'bag')
    assert found == FRAMES[:60]
    assert len(lost) == 1 and lost[0].startswith('bag_1.mcap is no bag: ') and lost[0].endswith('is empty')

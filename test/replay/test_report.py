"""The report as files: what it holds, that it loads nothing, what it does with odd runs."""

import base64
import json
import re
from html.parser import HTMLParser

import made_up_run
import numpy as np
import pytest

from depth_nodes.replay import page, report


class Read(HTMLParser):
    """Tags, addresses that a page would load, texts, and the contents of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.scripts, self.words, self._script = [], [], {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.addresses += [attributes[name] for name in ('src', 'href', 'action') if name in attributes]
        if tag in ('script', 'style'):
            self._script = attributes.get('id', tag)
            self.scripts[self._script] = ''

    def handle_endtag(self, tag):
        if tag in ('script', 'style'):
            self._script = None

    def handle_data(self, data):
        if self._script:
            self.scripts[self._script] += data
        elif data.strip():
            self.words.append(' '.join(data.split()))


@pytest.fixture(scope='module')
def made():
    return made_up_run.run(2000)


@pytest.fixture(scope='module')
def written(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    path = report.write_report(made, folder)
    assert path == folder / 'report.html'
    return path


@pytest.fixture(scope='module')
def html(written):
    return Read(written.read_text())


def test_it_is_one_file_that_loads_nothing(html):
    assert html.addresses and all(address.startswith(('data:', '#')) for address in html.addresses)
    assert not re.search(r'@import|url\(', html.scripts['style'])
    used = {name for script in html.scripts.values() for name in re.findall(r'https?://[^\s\'"]+', script)}
    assert used == {'http://www.w3.org/2000/svg'}  # a name, no address


def test_a_report_of_2000_frames_is_small(written, made):
    assert made['cloud']['count'] > 100_000
    assert written.stat().st_size < 10e6


def test_every_frame_is_in_the_page_with_its_exact_stamp(html, made):
    data = json.loads(html.scripts['time-data'])
    assert data['runs'][0]['stamp_ns'] == [str(stamp) for stamp in made['series']['stamp_ns']]
    panels = {panel['title']: panel for panel in data['panels']}
    assert list(panels) == ['Error', 'Self-check', 'Latency', 'Stage', 'Dropped']
    assert [choice['name'] for choice in panels['Error']['choices']] == list(made['series']['figures'])
    shown = panels['Latency']['choices'][0]['values'][0]
    expected = made['series']['latency_ms']
    assert [value is None for value in shown] == [value is None for value in expected]
    known = [index for index, value in enumerate(expected) if value is not None]
    assert [shown[index] for index in known] == pytest.approx([expected[index] for index in known], rel=1e-6)


def test_the_json_is_the_result_without_pictures(written, made):
    kept = json.loads((written.parent / 'report.json').read_text(), parse_constant=pytest.fail)
    assert kept == {name: value for name, value in made.items() if name not in ('pictures', 'cloud')}


def test_summary_command_notes_and_system_are_there_to_read(html, made):
    words = html.words
    assert made['about']['command'] in words
    assert all(note in words for note in made['about']['notes'])
    assert page.number(made['summary']['figures']['abs_rel']) in words
    assert '/camera/left/image_rect' in words and 'torch 2.13.0, numpy 2.2.6' in words
    assert html.tags.count('img') == 7  # the best, the worst, and the one that is enlarged


def test_the_table_has_mean_and_quantiles_of_the_frames_that_have_a_figure():
    made = made_up_run.run(40, drops=False, seen=False)
    made['series']['figures']['mae'] = [None] * 9 + [float('nan')] + list(range(30))
    row = next(row for row in report.figure_rows(made) if row['label'].name == 'mae')
    assert (row['mean'], row['p50'], row['frames']) == (14.5, 14.5, 30)
    assert row['p99'] == pytest.approx(28.71)
    assert row['label'].heading == 'mae [m]'


HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def test_what_a_recording_says_is_text_and_never_markup(tmp_path, html):
    made = made_up_run.run(60)
    made['about'] |= {'bag': f'/data/{HOSTILE}', 'notes': [HOSTILE], 'command': HOSTILE,
                      'topics': {HOSTILE: HOSTILE}, 'estimator': {HOSTILE: HOSTILE}}
    made['series']['figures'][HOSTILE] = made['series']['figures']['mae']
    made['units'] = {**made['units'], HOSTILE: HOSTILE}
    found = Read(report.write_report(made, tmp_path).read_text())
    for tag in ('script', 'img'):
        assert found.tags.count(tag) == html.tags.count(tag)
    assert HOSTILE in found.words
    assert json.loads(found.scripts['time-data'])['panels'][0]['choices'][-1]['name'] == HOSTILE


def test_without_truth_the_self_checks_come_first(tmp_path):
    found = Read(report.write_report(made_up_run.run(60, truth=False), tmp_path).read_text())
    assert {'time-data', 'cloud-data'} == {name for name in found.scripts if name.endswith('-data')}
    assert found.words.index('photometric') < found.words.index('latency, median')
    assert 'Best and worst frames, by photometric' in found.words


def test_a_run_that_was_never_answered_has_a_report_that_says_so(tmp_path):
    found = Read(report.write_report(made_up_run.unanswered(30), tmp_path).read_text())
    assert [panel['title'] for panel in json.loads(found.scripts['time-data'])['panels']] == ['Dropped']
    assert '30' in found.words and '100 % of 30' in found.words


def test_numbers_that_are_none_and_those_of_numpy_are_written_as_json_knows_them(tmp_path):
    made = made_up_run.run(30, seen=False)
    made['series']['latency_ms'] = np.full(30, np.nan)
    made['summary']['fps'] = np.float32(12.5)
    report.write_report(made, tmp_path)
    kept = json.loads((tmp_path / 'report.json').read_text(), parse_constant=pytest.fail)
    assert kept['series']['latency_ms'] == [None] * 30 and kept['summary']['fps'] == 12.5


def test_frames_are_drawn_in_the_order_of_time(tmp_path):
    made = made_up_run.run(30, drops=False, seen=False)
    series = made['series']
    swap = [*range(10), 11, 10, *range(12, 30)]
    series['t'] = [series['t'][index] for index in swap]
    found = Read(report.write_report(made, tmp_path).read_text())
    data = json.loads(found.scripts['time-data'])
    assert data['runs'][0]['t'] == sorted(data['runs'][0]['t'])
    shown = data['panels'][0]['choices'][0]['values'][0]
    assert shown == pytest.approx([series['figures']['abs_rel'][index] for index in swap], rel=1e-6)


@pytest.mark.parametrize(('name', 'sentence'), [
    ('latency_ms', 'series latency_ms has 29 values, expected 30'),
    ('figures', 'series figures abs_rel has 29 values, expected 30')])
def test_series_of_unlike_length_are_refused_before_anything_is_written(tmp_path, name, sentence):
    made = made_up_run.run(30, seen=False)
    part = made['series'][name]
    (part['abs_rel'] if name == 'figures' else part).pop()
    with pytest.raises(ValueError, match=sentence):
        report.write_report(made, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_run_of_no_frames_is_refused(tmp_path):
    made = made_up_run.run(30, seen=False)
    made['series']['t'] = []
    with pytest.raises(ValueError, match='no frames'):
        report.write_report(made, tmp_path)


def test_a_cloud_is_packed_as_the_page_reads_it():
    points = np.array([[1, 2, 3], [np.nan, 0, 1], [4, 5, 6], [0, 0, -1]], np.float32)
    colours = np.arange(12, dtype=np.uint8).reshape(4, 3)
    packed = report.packed_cloud(points, colours)
    data = base64.b64decode(packed['points'])
    assert packed['count'] == 2 and len(data) == 2 * 15
    assert np.frombuffer(data[:24], '<f4').tolist() == [1, 2, 3, 4, 5, 6]
    assert list(data[24:]) == [0, 1, 2, 6, 7, 8]
    assert report.packed_cloud(points[1:2], colours[1:2]) is None


def test_a_large_cloud_is_thinned_out_evenly():
    count = 3 * report.MAX_POINTS
    points = np.stack([np.arange(count), np.zeros(count), np.ones(count)], axis=1).astype(np.float32)
    packed = report.packed_cloud(points, np.zeros((count, 3), np.uint8))
    kept = np.frombuffer(base64.b64decode(packed['points']), '<f4', 3 * packed['count']).reshape(-1, 3)[:, 0]
    assert packed['count'] == report.MAX_POINTS
    assert kept[0] == 0 and kept[-1] == count - 1 and np.diff(kept).max() <= 4


def test_a_file_appears_whole_or_stays_as_it_was(tmp_path):
    page.write_whole(tmp_path / 'a' / 'b.txt', 'first')
    page.write_whole(tmp_path / 'a' / 'b.txt', 'second')
    assert (tmp_path / 'a' / 'b.txt').read_text() == 'second'
    with pytest.raises(OSError):
        page.write_whole(tmp_path / 'a', 'a folder is in the way')
    with pytest.raises(UnicodeEncodeError):
        page.write_whole(tmp_path / 'a' / 'b.txt', 'third \ud800')
    assert [path.name for path in tmp_path.rglob('*.txt*')] == ['b.txt']
    assert (tmp_path / 'a' / 'b.txt').read_text() == 'second' and not list(tmp_path.glob('.*'))


@pytest.mark.parametrize(('name', 'text', 'expected'), [
    ('rmse', 'm: root of the mean', ('m', 'root of the mean', 'lower')),
    ('bad_2', '% of pixels off by more than 2 px', ('%', 'of pixels off by more than 2 px', 'lower')),
    ('d1', '0..1: share under 1.25', ('', 'share under 1.25', 'higher')),
    ('d1', '% of pixels off by more than 3 px', ('%', 'of pixels off by more than 3 px', 'lower')),
    ('density', '0..1: share', ('', 'share', 'higher')),
    ('abs_rel', '1: mean: of all', ('', 'mean: of all', 'lower')),
    ('stage', '', ('', '', '')), ('epe', 'px', ('px', '', 'lower'))])
def test_units_and_meanings_are_told_apart(name, text, expected):
    assert page.label(name, text)[1:] == expected


@pytest.mark.parametrize(('value', 'text'), [
    (0, '0'), (1, '1'), (0.15, '0.15'), (12.3456, '12.35'), (-0.00123456, '-0.001235'), (1234.5, '1,234'),
    (2000, '2,000'), (1.2e-7, '1.2e-07'), (3e12, '3e+12'), (None, '–'), (float('nan'), '–')])
def test_numbers_are_short(value, text):
    assert page.number(value) == text


@pytest.mark.parametrize('asset', sorted(path.name for path in page.PAGES.glob('*.*s')))
def test_nothing_in_styles_and_scripts_ends_them(asset):
    assert asset.endswith(('.js', '.css'))
    assert not re.search('</(script|style)', page.asset(asset), re.IGNORECASE)

"""What `depth-nodes compare` says of runs that differ, do not differ, or cannot be compared."""

import argparse
import copy
import json
import re

import made_up_run
import numpy as np
import pytest

from depth_models.evaluation import noise
from depth_nodes.replay import compare, report

FRAMES = 200


@pytest.fixture(scope='module')
def base():
    return made_up_run.run(FRAMES, drops=False, seen=False)


def changed(result, **series):
    result = copy.deepcopy(result)
    result['series'] |= series
    return result


def of(rows, name):
    return next(row for row in rows if row.label.name == name)


def test_a_run_beside_itself_is_within_noise(base):
    rows = compare.compare([base, base])
    verdicts = {row.label.name: row.cells[1].verdict for row in rows}
    assert {verdicts[name] for name in verdicts if name not in compare.UNMARKED} == {'noise'}
    assert verdicts['fps'] == '' and of(rows, 'rmse').cells[1].difference.value == 0


def test_what_is_better_depends_on_the_figure(base):
    figures = {name: [value + 0.01 for value in values] for name, values in base['series']['figures'].items()}
    other = changed(base, figures=figures, stage=[value - 1 for value in base['series']['stage']],
                    latency_ms=[value + 5 for value in base['series']['latency_ms']])
    rows = compare.compare([base, other])
    verdicts = {row.label.name: row.cells[1].verdict for row in rows}
    assert (verdicts['rmse'], verdicts['density'], verdicts['d1']) == ('worse', 'better', 'better')
    assert (verdicts['latency_mean'], verdicts['latency_p95']) == ('worse', 'worse')
    assert verdicts['stage'] == 'differs'
    assert verdicts['photometric'] == 'noise'
    assert of(rows, 'latency_p50').cells[1].difference.value == pytest.approx(5)
    assert of(rows, 'rmse').cells[1].relative.value == pytest.approx(0.01 / of(rows, 'rmse').cells[0].value)


def test_frames_are_paired_by_their_stamps_wherever_they_stand(base):
    series = base['series']
    kept = [*range(FRAMES - 1, 79, -1)]  # backwards, and without the first 80

    def some(values):
        return [values[index] for index in kept]

    other = changed(base, t=some(series['t']), stamp_ns=some(series['stamp_ns']), stage=some(series['stage']),
                    latency_ms=[value + 2 for value in some(series['latency_ms'])],
                    dropped=some(series['dropped']),
                    figures={name: some(values) for name, values in series['figures'].items()},
                    self_checks={name: some(values) for name, values in series['self_checks'].items()})
    rows = compare.compare([base, other])
    rmse, latency = of(rows, 'rmse').cells, of(rows, 'latency_mean').cells
    assert rmse[1].difference.frames == FRAMES - 80
    assert rmse[1].difference.value == pytest.approx(0, abs=1e-12)
    assert rmse[1].value != pytest.approx(rmse[0].value, rel=1e-3)  # each over all of its own frames
    assert latency[1].difference.value == pytest.approx(2) and latency[1].verdict == 'worse'


def test_runs_of_other_bags_are_not_paired_and_it_is_said(base):
    other = made_up_run.run(120, seed=7, scene_seed=8, drops=False, seen=False)
    other['series']['stamp_ns'] = [stamp + 1 for stamp in other['series']['stamp_ns']]
    other['about']['bag'] = '/data/forest.mcap'
    said = compare.warnings([base, other], ['a', 'b'])
    assert said[0] == 'The runs differ in bag: /data/street.mcap (a), /data/forest.mcap (b).'
    assert len(said) == 2 and 'b has no frame of the same stamp as a' in said[1]
    assert of(compare.compare([base, other]), 'rmse').cells[1].difference.frames == 120
    assert compare.warnings([base, base], ['a', 'b']) == []


def test_a_figure_that_one_run_lacks_has_no_difference(base):
    other = made_up_run.run(FRAMES, truth=False, drops=False, seen=False)
    rows = compare.compare([base, other])
    assert of(rows, 'rmse').cells[1] == compare.Cell(None)
    assert of(rows, 'photometric').cells[1].difference is not None
    assert of(compare.compare([other, base]), 'rmse').cells[1].difference is None


def test_few_frames_are_not_judged_and_answers_that_never_came_have_no_row():
    short = made_up_run.run(12, drops=False, seen=False)
    assert of(compare.compare([short, short]), 'rmse').cells[1].verdict == 'unknown'
    none = changed(short, latency_ms=[None] * 12, stage=[None] * 12)
    assert not {'latency_mean', 'stage'} & {row.label.name for row in compare.compare([none, none])}


def test_a_figure_of_zero_has_no_share(base):
    zero = changed(base, self_checks={'flicker': [0.0] * FRAMES})
    some = changed(base, self_checks={'flicker': np.linspace(0.1, 0.2, FRAMES).tolist()})
    cell = of(compare.compare([zero, some]), 'flicker').cells[1]
    assert cell.relative is None and cell.verdict == 'worse'


@pytest.fixture(scope='module')
def folders(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    report.write_report(base, folder / 'before')
    after = made_up_run.run(FRAMES, seed=2, better=0.7, slower=9, drops=False, seen=False)
    report.write_report(after, folder / 'after')
    return folder


def command(*words):
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    compare.run(parser.parse_args([str(word) for word in words]))


def test_the_command_takes_folders_and_files_and_writes_a_page(folders, tmp_path, capsys):
    command(folders / 'before', folders / 'after' / 'report.json', '--report', tmp_path / 'out' / 'c.html')
    said = capsys.readouterr().out
    assert re.search(r'^rmse \[m\] .* \(-\d\d\.\d %\)\*$', said, re.MULTILINE)
    assert re.search(r'^\s+before\s+after$', said, re.MULTILINE) and f'wrote {tmp_path}/out/c.html' in said
    page = (tmp_path / 'out' / 'c.html').read_text()
    assert 'after beside before' in page and str(noise.SEED) in page and '2,000 times' in page
    marks = dict(re.findall(
        r'<tr data-figure="(\w+)">.*?<td class="(better|worse|differs|noise|unknown|faint)">', page,
        re.DOTALL))
    assert marks['rmse'] == 'better' and marks['latency_p50'] == 'worse'
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_what_is_no_report_is_refused_by_name(folders, tmp_path):
    (tmp_path / 'broken.json').write_text('{"about": ')
    with pytest.raises(ValueError, match=r'broken\.json is not a report\.json: '):
        compare.read(tmp_path / 'broken.json')
    (tmp_path / 'other.json').write_text('{"about": {}, "units": {}}')
    with pytest.raises(ValueError, match=r'a replay: it has no summary, series, unit$'):
        compare.read(tmp_path / 'other.json')
    (tmp_path / 'list.json').write_text('[]')
    with pytest.raises(ValueError, match='it has no about'):
        compare.read(tmp_path / 'list.json')
    with pytest.raises(FileNotFoundError):
        compare.read(tmp_path)
    nothing = json.loads((folders / 'before' / 'report.json').read_text())
    nothing['series']['t'] = []
    (tmp_path / 'none.json').write_text(json.dumps(nothing))
    with pytest.raises(ValueError, match='has no frames'):
        compare.read(tmp_path / 'none.json')


def test_as_many_runs_as_can_be_told_apart(folders, tmp_path):
    for count in (1, compare.MOST + 1):
        with pytest.raises(ValueError, match=f'compare takes 2 to 6 runs, got {count}'):
            command(*[folders / 'before'] * count, '--report', tmp_path / 'c.html')
    assert not list(tmp_path.iterdir())


def test_names_are_as_long_as_it_takes(tmp_path):
    first, second = tmp_path / 'a' / 'run', tmp_path / 'b' / 'run'
    assert compare.names_of([first / 'report.json', tmp_path / 'c']) == ['run', 'c']
    assert compare.names_of([first, second]) == ['a/run', 'b/run']
    assert compare.names_of([tmp_path / 'x.json', tmp_path / 'y.json']) == ['x.json', 'y.json']
    assert compare.names_of([first, second, first]) == ['a/run (1)', 'b/run', 'a/run (2)']

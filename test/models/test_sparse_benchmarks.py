"""The benchmark of sparse depth runs the whole way, and its ratios are those of its times."""

import json

import pytest

pytest.importorskip('scipy', reason='the optional extra baselines')
from benchmarks import sparse_speed


def test_times_and_ratios_of_every_pattern_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sparse_speed, 'SIZE', (96, 128))
    monkeypatch.setattr(sparse_speed, 'PATTERNS', ('uniform10',))
    sparse_speed.main(['--turns', '2', '--threads', '1', '--json', str(tmp_path / 'x.json')])
    made = json.loads((tmp_path / 'x.json').read_text())
    assert made['size'] == '128x96' and list(made['ms']) == ['uniform10']
    ms = made['ms']['uniform10']
    assert {'ours_auto', 'ours_auto_stage1', 'ours_rgb_auto', 'ours_torch', 'griddata', 'nearest', 'linear',
            'inpaint', 'morphological'} <= ms.keys()
    assert all(value > 0 for value in ms.values())
    assert ms['ratio_griddata_over_ours'] == pytest.approx(ms['griddata'] / ms['ours_auto'])
    assert 'frames a second' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        sparse_speed.main(['--turns', '1'])

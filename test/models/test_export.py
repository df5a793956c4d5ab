"""Exported graphs, and the cache that survives what happens to caches."""

import io
import subprocess
import sys
import zipfile

import pytest
import torch
from torch import nn

from depth_models.engines import export
from depth_models.networks.graph import Graph

onnx = pytest.importorskip('onnx')


class Scale(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(factor))
        self.offset = 1.0

    def forward(self, x):
        return (self.weight * x + self.offset,)


INPUTS = {'x': torch.arange(6.0).reshape(2, 3)}


def graphs(factor: float = 2.0) -> list[Graph]:
    return [Graph('double', Scale(factor), ('x',), ('y',)), Graph('triple', Scale(3.0), ('y',), ('z',))]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'depth_nodes'


@pytest.fixture
def exports(monkeypatch):
    """How often something was exported."""
    calls, real = [], export.to_onnx
    monkeypatch.setattr(export, 'to_onnx', lambda *args: calls.append(1) or real(*args))
    return calls


def test_every_graph_is_a_valid_file_with_the_names_of_the_board():
    files = export.to_onnx(graphs(), INPUTS)
    for data, inputs, outputs in zip(files, (['x'], ['y']), (['y'], ['z'])):
        model = onnx.load(io.BytesIO(data))
        onnx.checker.check_model(model)
        assert [value.name for value in model.graph.input] == inputs
        assert [value.name for value in model.graph.output] == outputs


def test_a_second_start_reads_what_the_first_one_wrote(cache, exports):
    first = export.exported(graphs(), INPUTS, 'net-3x2')
    assert export.exported(graphs(), INPUTS, 'net-3x2') == first
    assert len(exports) == 1
    assert [path.name.startswith('net-3x2-') for path in cache.iterdir()] == [True]
    assert export.recently_used('net-') == [path.name for path in cache.iterdir()]


@pytest.mark.parametrize('changed', ['weights', 'shape', 'number', 'code', 'key'])
def test_what_an_entry_depends_on_makes_another_entry(cache, exports, monkeypatch, changed):
    export.exported(graphs(), INPUTS, 'net')
    inputs, made, key = INPUTS, graphs(), 'net'
    if changed == 'weights':
        made = graphs(2.5)
    elif changed == 'shape':
        inputs = {'x': torch.zeros(4, 3)}
    elif changed == 'number':
        made[0].module.offset = 7.0
    elif changed == 'code':
        monkeypatch.setattr(export, '_code', lambda: 'other')
    else:
        key = 'net-otherengine'
    export.exported(made, inputs, key)
    assert len(exports) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'empty', 'rubbish', 'incomplete'])
def test_a_damaged_entry_is_made_again(cache, exports, damage, caplog):
    good = export.exported(graphs(), INPUTS, 'net')
    path = next(cache.iterdir())
    content = bytearray(path.read_bytes())
    if damage == 'incomplete':
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('double.onnx', good[0])
    else:
        content[len(content) // 4] ^= 0x10
        path.write_bytes({'cut': content[:len(content) // 2], 'flipped': content, 'empty': b'',
                          'rubbish': b'\x00' * 500}[damage])
    assert export.exported(graphs(), INPUTS, 'net') == good
    assert len(exports) == 2
    assert str(path) in caplog.text and 'it is made again' in caplog.text
    assert export.exported(graphs(), INPUTS, 'net') == good
    assert len(exports) == 2


def test_a_folder_that_cannot_be_written_is_lived_with(tmp_path, monkeypatch, caplog):
    (tmp_path / 'file').write_text('not a folder')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert len(export.exported(graphs(), INPUTS, 'net')) == 2
    assert 'cannot be written' in caplog.text


def test_processes_that_start_at_once_all_get_the_graphs_and_leave_one_entry(cache):
    code = ('import sys; sys.path.insert(0, "test/models"); import test_export as t; '
            'print(len(t.export.exported(t.graphs(), t.INPUTS, "net")))')
    started = [subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        out, err = process.communicate(timeout=100)
        assert (process.returncode, out.strip()) == (0, '2'), err
    assert len(list(cache.iterdir())) == 1  # and no half-written one

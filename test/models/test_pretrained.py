"""A weight file explains itself, and a wrong one is one clear sentence."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from depth_models import pretrained
from depth_models.networks import (
    mono_networks,
    sparse_networks,
    stereo_networks,
    super_resolution_networks,
)
from depth_models.networks.anynet import AnyNet, AnyNetConfig

EVERY_KIND = [*stereo_networks.KINDS, *mono_networks.KINDS, *sparse_networks.KINDS,
              *super_resolution_networks.KINDS]
SMALL = AnyNetConfig(channels=(2, 4, 6), matching_channels=4, propagation_channels=4)


@pytest.fixture
def weight_file(tmp_path) -> Path:
    path = tmp_path / 'small.safetensors'
    torch.manual_seed(1)
    pretrained.write(path, AnyNet(SMALL), 'anynet', SMALL, {'command': 'made here'})
    return path


def test_what_is_written_is_read_back_with_config_and_notes(weight_file):
    weights = pretrained.read(str(weight_file), 'anynet')
    torch.manual_seed(1)
    expected = AnyNet(SMALL).state_dict()
    assert weights.tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(weights.tensors[name], tensor)
    assert {k: tuple(v) if isinstance(v, list) else v
            for k, v in weights.config.items()} == asdict(SMALL)
    assert weights.notes['command'] == 'made here'


def test_a_missing_file_is_named_with_the_shipped_ones():
    with pytest.raises(FileNotFoundError, match=r'no weights at /nowhere\.safetensors; shipped ones: '):
        pretrained.read('/nowhere.safetensors', 'anynet')


@pytest.mark.parametrize('keep', [0, 4, 100, -1])
def test_a_truncated_file_is_named(weight_file, keep):
    weight_file.write_bytes(weight_file.read_bytes()[:keep])
    with pytest.raises(ValueError, match=f'{re.escape(str(weight_file))} is truncated, damaged'):
        pretrained.read(str(weight_file), 'anynet')


def test_weights_of_another_network_are_refused(weight_file):
    with pytest.raises(ValueError, match='holds weights of anynet, not mono_unet'):
        pretrained.read(str(weight_file), 'mono_unet')


def test_tensors_that_do_not_fit_are_refused(weight_file):
    with pytest.raises(ValueError, match='does not fit the network'):
        pretrained.load_into(AnyNet(), pretrained.read(str(weight_file), 'anynet'))


def test_a_shipped_file_is_checked_against_its_sha256(weight_file, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, 'SHIPPED', tmp_path / 'weights')
    pretrained.SHIPPED.mkdir()
    shipped = pretrained.ship(weight_file, 'small')
    assert pretrained.read('small', 'anynet').path == shipped
    damaged = bytearray(shipped.read_bytes())
    damaged[-1] ^= 1
    shipped.write_bytes(damaged)
    with pytest.raises(ValueError, match='is damaged: sha256'):
        pretrained.read('small', 'anynet')


def test_every_shipped_file_matches_the_table_and_has_a_card():
    shipped = sorted(pretrained.SHIPPED.glob('*.safetensors'))
    assert shipped
    for path in shipped:
        assert pretrained.read(path.stem, *EVERY_KIND).tensors
        assert path.with_suffix('.md').is_file()


def test_every_shipped_file_was_made_by_the_shipped_config_of_its_name():
    config_files = pytest.importorskip('depth_models.training.config_files',
                                       reason='training is not installed')
    for path in pretrained.SHIPPED.glob('*.safetensors'):
        config = config_files.load(path.stem)
        notes = pretrained.read(path.stem, config.kind).notes
        assert notes['command'].endswith(f' --config {path.stem}')
        assert notes['config_sha256'] == config_files.sha256(config)


def test_a_weight_file_is_readable_to_whom_other_files_are(weight_file, tmp_path):
    other = tmp_path / 'other'
    other.touch()
    assert weight_file.stat().st_mode == other.stat().st_mode

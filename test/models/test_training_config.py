"""Config files: what is written in them is what runs, or one sentence says why not."""

from dataclasses import asdict

import pytest

pytest.importorskip('yaml')

from depth_models.networks.anynet import AnyNet, AnyNetConfig
from depth_models.training import config_files
from depth_models.training.config import DataConfig, SourceConfig
from depth_models.training.tasks import make_network


def test_every_shipped_config_is_whole():
    names = [path.stem for path in config_files.SHIPPED.glob('*.yaml')]
    assert 'anynet' in names
    for name in names:
        assert config_files.load(name).name == name


def test_the_shipped_anynet_is_of_the_size_of_the_paper():
    config = config_files.load('anynet')
    assert config.network == AnyNetConfig() and isinstance(make_network(config), AnyNet)
    assert (config.data.batch, config.data.height, config.data.width) == (8, 256, 512)
    assert (config.trainer.steps, config.optimizer.learning_rate) == (4000, 3e-3)
    assert [source.kind for source in config.data.sources] == ['layered', 'world']


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'mine.yaml'

    def write(text):
        path.write_text(text)
        return str(path)
    return write


def test_a_file_says_what_differs_from_the_defaults(file):
    config = config_files.load(file(
        'network: {channels: [4, 8, 16]}\n'
        'data: {sources: [{kind: layered, weight: 2}, {kind: kitti2015, path: k, augment: false}]}\n'
        'optimizer: {learning_rate: 1e-3, weight_decay: 0}\n'))
    assert config.name == 'mine' and config.kind == 'anynet'
    assert config.network == AnyNetConfig(channels=(4, 8, 16))
    assert config.data.sources == (
        SourceConfig('layered', 2.0), SourceConfig('kitti2015', path='k', augment=False))
    assert config.optimizer.learning_rate == 0.001
    assert config.data.batch == DataConfig().batch


def test_overrides_come_on_top_and_are_read_as_yaml(file):
    config = config_files.load(file('data: {batch: 4}'), [
        'data.batch=6', 'data.augment.vertical_flip=0.5', 'trainer.precision=bf16-mixed',
        'data.sources=[{kind: folder_of_mine, path: p}]', 'network.volume_layers=[2, 3, 4]'])
    assert (config.data.batch, config.data.augment.vertical_flip) == (6, 0.5)
    assert config.trainer.precision == 'bf16-mixed'
    assert config.data.sources[0].path == 'p'
    assert config.network.volume_layers == (2, 3, 4)


def test_the_resolved_config_is_a_file_that_gives_the_same_one(file):
    config = config_files.load('anynet', ['trainer.steps=7', 'optimizer.learning_rate=1e-5'])
    again = config_files.load(file(config_files.text(config)))
    assert asdict(again) == {**asdict(config), 'name': 'mine'}
    assert config_files.sha256(again) == config_files.sha256(config)
    assert config_files.sha256(config) != config_files.sha256(config_files.load('anynet'))


@pytest.mark.parametrize(('text', 'says'), [
    ('datas: {}', 'no section "datas"; there are: network, data, optimizer, trainer'),
    ('data: {bach: 4}', 'no key "data.bach"; there are: sources, batch, height'),
    ('network: {chanels: [1, 2, 3]}', 'no key "network.chanels"; there are: kind, channels'),
    ('data: {augment: {flip: 1}}', 'no key "data.augment.flip"; there are: largest_scale'),
    ('data: {batch: four}', "data.batch must be of type int, got 'four'"),
    ('data: {batch: 4.5}', 'data.batch must be of type int, got 4.5'),
    ('data: {batch: true}', 'data.batch must be of type int, got True'),
    ('trainer: {channels_last: 1}', 'trainer.channels_last must be of type bool, got 1'),
    ('data: {batch: 0}', 'data.batch must be at least 1, got 0'),
    ('data: {height: 100}', 'data.height must be a positive multiple of 32 px, got 100'),
    ('data: {blank_share: 5}', 'data.blank_share must be a share in 0 to 1, got 5.0'),
    ('data: {sources: []}', 'data.sources must name at least one source'),
    ('data: {sources: {kind: layered}}', 'data.sources must be a list'),
    ('data: {sources: [{weight: 1}]}', r'data.sources\[0\].kind is missing'),
    ('data: {sources: [{kind: shards}]}', r'data.sources\[0\].path must be a folder for kind shards'),
    ('data: {sources: [{kind: world, path: x}]}', 'path must be empty for kind world, got "x"'),
    ('optimizer: {learning_rate: -1}', 'optimizer.learning_rate must be over 0, got -1'),
    ('trainer: {precision: 8}', 'trainer.precision must be one of 32-true, bf16-mixed, 16-mixed, got 8'),
    ('network: {kind: resnet}', 'network.kind must be one of anynet, .*, got resnet'),
    ('network: {channels: [1, 2]}', r'network.channels must be a list of 3, got \[1, 2\]'),
    ('network: {refine_radius: 0}', 'network.refine_radius must be 1 or more, got 0'),
    ('network: 3', 'network must be a section of keys, got 3'),
    ('- a\n- b', 'sections are expected'),
    ('data: {batch: [', 'not valid YAML'),
])
def test_what_is_wrong_is_named_with_what_is_allowed(file, text, says):
    with pytest.raises(ValueError, match=says) as caught:
        config_files.load(file(text))
    assert 'mine.yaml' in str(caught.value) and '\n' not in str(caught.value)


def test_a_name_that_is_not_shipped_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'shipped ones: .*anynet'):
        config_files.load('alexnet')
    with pytest.raises(FileNotFoundError, match=r'none\.yaml'):
        config_files.load(str(tmp_path / 'none.yaml'))


@pytest.mark.parametrize('override', ['data.batch', 'batch=3', 'data.batch.more=3', '=3'])
def test_an_override_that_is_none_is_said_so(file, override):
    with pytest.raises(ValueError, match=r'override is section\.key=value|no keys below'):
        config_files.load(file('data: {batch: 4}'), [override])

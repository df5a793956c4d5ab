"""Runs of one camera: they learn, stop, go on, and end as if nothing had been; two phases in one run."""

import argparse
import json
import os
import shlex
import signal

import pytest

pytest.importorskip('lightning.pytorch')
pytest.importorskip('tensorboard')

import torch
from depth_folders import write_views
from safetensors.torch import load_file

from depth_models import cli
from depth_models.estimators.mono import MonoEstimator
from depth_models.networks.efficientnet_lite import EfficientNetLite0
from depth_models.training import config_files, mono
from depth_models.training.mono_config import CoarseToFineTrainerConfig, UNetOptimizerConfig
from depth_models.training.mono_losses import UNetLossWeights
from depth_models.training.mono_task import CoarseToFineTask
from depth_models.training.photographs import PACKAGE, encoder_weights
from depth_models.training.running import train

COARSE_STEPS, STEPS = 8, 14
FOR_TIME = ('seconds_per_step', 'waiting_for_data')
NETWORK = ('{kind: coarse_to_fine, up_channels: [8, 4], fine_channels: 4, '
           'confidence_channels: 2, max_depth: 10.0}')


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    """A config of coarse to fine."""
    folder = tmp_path_factory.mktemp('mono')
    source = f'[{{kind: rgbd, path: "{write_views(folder / "boxes")}"}}]'
    path = folder / 'tiny.yaml'
    path.write_text(f"""
network: {NETWORK}
data: {{batch: 2, height: 32, width: 64, validation_views: 3, workers: 0,
       sources: {source}, validation_sources: {source}}}
optimizer: {{warmup_steps: 2, learning_rate: 1e-2}}
trainer: {{steps: {STEPS}, coarse_steps: {COARSE_STEPS}, checkpoint_every: {COARSE_STEPS}, validate_every: 7,
          log_every: 2, pictures: 1, overfit_steps: 40}}
""")
    return str(path)


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp('whole')
    train(config_files.load(tiny), out, check=False, command='made by a test')
    return out


def figures(out):
    entries = [json.loads(line) for line in (out / 'log.jsonl').read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key not in FOR_TIME}
            for entry in entries if 'event' not in entry]


def checkpoint(out, step):
    return torch.load(out / 'checkpoints' / f'step_{step:08d}.ckpt', weights_only=True)


def coarse_of(state):
    return {name: value for name, value in state.items() if name.startswith('network.coarse.')}


# --- two phases


def test_the_fine_phase_leaves_the_coarse_network_as_its_average_was(whole):
    border, end = checkpoint(whole, COARSE_STEPS), checkpoint(whole, STEPS)
    frozen = coarse_of(border['state_dict'])
    assert any('running_mean' in name for name in frozen) and any('weight' in name for name in frozen)
    for state in (end['state_dict'], end['current_model_state']):
        assert all(torch.equal(value, frozen[name]) for name, value in coarse_of(state).items())
    assert any(not torch.equal(value, frozen[name])  # the average was not the last weights
               for name, value in coarse_of(border['current_model_state']).items())


def test_each_phase_trains_its_own_network(tiny, whole):
    start = CoarseToFineTask().kinds['coarse_to_fine'].network(config_files.load(tiny).network).state_dict()
    border, end = (checkpoint(whole, step)['current_model_state'] for step in (COARSE_STEPS, STEPS))
    name = 'network.fine.correction.weight'
    assert not border[name].any() and end[name].any()  # it starts at zero
    assert not torch.equal(border['network.coarse.depth.weight'], start['coarse.depth.weight'])


def test_the_average_of_the_fine_network_is_young_at_the_border(whole):
    """With the age of the whole run it would still be at the random start, which is zero."""
    end = checkpoint(whole, STEPS)
    name = 'network.fine.correction.weight'
    average, last = (end[key][name].abs().mean() for key in ('state_dict', 'current_model_state'))
    assert 0.4 * last < average < 1.5 * last


def test_the_learning_rate_and_the_log_know_the_phases(whole):
    entries = figures(whole)
    training = [entry for entry in entries if 'loss' in entry]
    assert [entry['step'] for entry in training] == list(range(2, STEPS + 1, 2))
    rates = {entry['step']: entry['learning_rate'] for entry in training}
    assert rates[COARSE_STEPS] < rates[4] > 0 and rates[COARSE_STEPS + 2] > rates[COARSE_STEPS]
    assert [entry['step'] for entry in training if 'log_error_1' in entry] == [2, 4, 6, 8]
    assert [entry['step'] for entry in training if 'log_error_2' in entry] == [10, 12, 14]
    first, last = [entry for entry in entries if 'abs_rel_1' in entry]
    assert (first['step'], last['step']) == (7, 14)
    for name in ('abs_rel', 'rmse', 'silog', 'd1', 'rmse_edges', 'sure_minus_right'):
        assert first[f'{name}_1'] == first[f'{name}_2'] or name == 'sure_minus_right'  # no correction yet
    assert first['abs_rel_1'] > 0 and last['abs_rel_2'] != last['abs_rel_1']


def test_the_weights_hold_both_networks_and_run(whole):
    weights = whole / 'tiny.safetensors'
    assert {name.split('.')[0] for name in load_file(weights)} == {'coarse', 'fine'}
    estimator = MonoEstimator.from_pretrained(str(weights), engine='torch')
    assert estimator.stages == 2 and estimator._key((480, 640), 1.0) == (32, 64)  # notes: shorter_side
    assert [name for name in load_file(weights) if not torch.equal(
        load_file(weights)[name], checkpoint(whole, STEPS)['state_dict'][f'network.{name}'])] == []


# --- an encoder that has seen photographs


def encoder_of(state):
    return {name.removeprefix('network.coarse.encoder.'): value for name, value in state.items()
            if name.startswith('network.coarse.encoder.')}


@pytest.mark.parametrize('rate', [0, 0.1])
def test_an_encoder_starts_with_the_weights_of_photographs(tiny, tmp_path, rate):
    """And keeps their statistics; at a rate of 0 it keeps them all, at another one it learns at that."""
    pytest.importorskip(PACKAGE)
    config = config_files.load(tiny, ['trainer.pretrained_encoder=true', f'optimizer.encoder_rate={rate}'])
    start = EfficientNetLite0()
    start.take(encoder_weights())
    train(config, tmp_path, check=rate == 0)  # with the check: it learns a batch by heart without it too
    saved = checkpoint(tmp_path, STEPS)
    for key in ('state_dict', 'current_model_state'):
        end = encoder_of(saved[key])
        changed = {name for name, value in start.state_dict().items() if not torch.equal(value, end[name])}
        assert changed == ({name for name, _ in start.named_parameters()} if rate else set())
    if rate:  # AdamW goes by about the learning rate with every step, whatever the gradient
        rates = sum(entry['learning_rate'] for entry in figures(tmp_path)
                    if 'loss' in entry and entry['step'] <= COARSE_STEPS) * 2
        gone = max(float((end[name] - value.detach()).abs().max())
                   for name, value in start.named_parameters())
        assert 0.02 * rates < gone < 0.3 * rates


def test_an_encoder_that_would_stay_random_is_refused(tiny):
    with pytest.raises(ValueError, match=r'encoder_rate is 0, and the encoder would stay random'):
        config_files.load(tiny, ['optimizer.encoder_rate=0'])


# --- a run that is disturbed


@pytest.mark.parametrize('at', [5, COARSE_STEPS, COARSE_STEPS + 3])
def test_a_run_stopped_within_and_between_the_phases_ends_the_same(whole, tiny, tmp_path, at, monkeypatch):
    config = config_files.load(tiny, [f'trainer.checkpoint_every={at}'])
    loss = CoarseToFineTask.loss

    def ask(self, network, batch, config, *, parts):
        if batch.step == at - 1 and not (tmp_path / 'asked').exists():
            (tmp_path / 'asked').touch()
            os.kill(os.getpid(), signal.SIGTERM)
        return loss(self, network, batch, config, parts=parts)

    monkeypatch.setattr(CoarseToFineTask, 'loss', ask)
    with pytest.raises(SystemExit):
        train(config, tmp_path, check=False)
    assert [path.stem for path in (tmp_path / 'checkpoints').glob('*.ckpt')] == [f'step_{at:08d}']
    train(config_files.load(tiny), tmp_path, check=False)
    one, two = (load_file(out / 'tiny.safetensors') for out in (whole, tmp_path))
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    assert figures(tmp_path) == figures(whole)


def test_another_border_is_another_run(whole, tiny):
    with pytest.raises(ValueError, match=r'trainer\.coarse_steps = 8, and now it is 9'):
        train(config_files.load(tiny, ['trainer.coarse_steps=9']), whole, check=False)


# --- the mono U-Net


def test_the_mono_unet_trains_from_the_command_line(tiny, tmp_path, capsys):
    source = json.dumps([{'kind': 'rgbd', 'path': config_files.load(tiny).data.sources[0].path}])
    cli.main(['train', 'mono', '--out', str(tmp_path), '--steps', '2', '--skip-checks',
              *(word for override in (
                  'network.inner_channels=[8, 8, 8, 8]', f'data.sources={source}', 'data.workers=0',
                  f'data.validation_sources={source}', 'data.height=64', 'data.width=32', 'data.batch=1',
                  'data.validation_views=1', 'trainer.log_every=1', 'optimizer.loss.structure=0')
                for word in ('--set', override))])
    entries = figures(tmp_path)
    assert [set(entry) >= {'loss', 'log_error_1'} for entry in entries] == [True, True, False]
    assert [entry['learning_rate'] for entry in entries[:2]] == pytest.approx([1e-5, 1.495e-5])  # warm-up
    estimator = MonoEstimator.from_pretrained(str(tmp_path / 'mono_unet_first.safetensors'), engine='torch')
    assert estimator.stages == 1 and estimator._key((64, 64), 1.0) == (32, 32)


# --- configs


def test_the_shipped_configs_keep_to_the_texts():
    unet = config_files.load('mono_unet_first')
    assert isinstance(unet.optimizer, UNetOptimizerConfig)
    assert unet.data.batch == 8 and unet.network.max_depth == 10
    assert unet.optimizer.loss == UNetLossWeights(2.0, 1.0, 5.0, shape=3.0)
    assert UNetLossWeights() == UNetLossWeights(2.0, 1.0, 5.0, shape=0.0)
    assert (unet.data.augment.horizontal_flip, unet.data.augment.largest_rotation) == (0.5, 15.0)
    both = config_files.load('coarse_to_fine')
    assert isinstance(both.trainer, CoarseToFineTrainerConfig)
    assert (both.data.height, both.data.width) == (224, 224)
    first, last = both.trainer.coarse_steps, both.trainer.steps
    assert CoarseToFineTask().phase(both, first) == range(first, last)


def test_the_second_training_of_the_unet_is_the_first_one_but_for_what_it_is_there_for():
    first, second = config_files.load('mono_unet_first'), config_files.load('mono_unet')
    assert second.trainer.initial_weights == f'runs/{first.name}/{first.name}.safetensors'
    assert second.optimizer.loss == UNetLossWeights(2.0, 1.0, 5.0, shape=3.0, gradients=0.1)
    assert first.optimizer.loss.gradients == 0.5
    assert (second.network, second.data) == (first.network, first.data)


@pytest.mark.parametrize('name', ['mono_unet_first', 'coarse_to_fine'])
def test_the_commands_in_the_shipped_configs_are_taken(name):
    """What a comment says to add for a data set has only keys that exist."""
    text = (config_files.SHIPPED / f'{name}.yaml').read_text()
    said = [shlex.split(line.removeprefix('#')) for line in text.splitlines() if line.startswith('#   --')]
    parser = argparse.ArgumentParser()
    parser.add_argument('--set', action='append', default=[])
    parser.add_argument('--steps')
    options = parser.parse_args([word for words in said for word in words])
    config = config_files.load(name, [*options.set, f'trainer.steps={options.steps}'])
    assert config.data.sources == config.data.validation_sources and config.data.sources[0].path == 'FOLDER'
    assert config.trainer.steps >= 100_000
    if name == 'mono_unet_first':  # section 4.1
        assert (config.optimizer.learning_rate, config.optimizer.weight_decay) == (1e-4, 0.0)
        assert {config.optimizer.factor(step, 100) for step in (0, 50, 99)} == {1.0}


@pytest.mark.parametrize(('override', 'says'), [
    ('trainer.coarse_steps=90000', r'trainer\.coarse_steps must lie in 1 to steps - 1 .* got 90000'),
    ('trainer.coarse_steps=0', r'trainer\.coarse_steps must lie in 1 to'),
    ('trainer.strategy=ddp', r'trainer\.strategy must be ddp_find_unused_parameters_true .* got ddp'),
    ('data.max_disparity=64', r'no key "data\.max_disparity"; there are: sources, batch'),
    ('data.sources=[{kind: layered}]', r'data\.sources\[0\]\.kind must be world or .* got layered'),
    ('data.augment.horizontal_flip=2', r'data\.augment\.horizontal_flip must be a share in 0 to 1, got 2'),
    ('data.augment.largest_rotation=90', 'largest_rotation must lie in 0 to 45 degrees, got 90'),
    ('data.validation_views=0', r'data\.validation_views must be at least 1, got 0'),
    ('data.views=0', r'data\.views must be at least 1, got 0'),
    ('data.height=225', r'data\.height must be a positive multiple of 32 px, got 225'),
    ('optimizer.encoder_rate=-1', r'optimizer\.encoder_rate must lie in 0 to 10, got -1'),
    ('optimizer.schedule=step', r'optimizer\.schedule must be one of cosine, constant, got step'),
    ('optimizer.loss={l1: 1}', r'no key "optimizer\.loss\.l1"; there are: balance, gradients')])
def test_what_is_wrong_in_a_config_is_named(override, says):
    with pytest.raises(ValueError, match=says):
        config_files.load('coarse_to_fine', [override])


def test_loss_weights_and_phases_belong_to_their_network():
    with pytest.raises(ValueError, match=r'no key "trainer\.coarse_steps"'):
        config_files.load('mono_unet', ['trainer.coarse_steps=3'])
    with pytest.raises(ValueError, match=r'optimizer\.loss\.l1, structure, edges and shape must be 0'):
        config_files.load('mono_unet', ['optimizer.loss={l1: -1}'])
    with pytest.raises(ValueError, match=r'optimizer\.loss\.gradients must be 0 or more, got -1'):
        config_files.load('mono_unet', ['optimizer.loss={gradients: -1}'])
    with pytest.raises(ValueError, match='one of them above'):  # what is left says nothing by itself
        config_files.load('mono_unet', ['optimizer.loss={l1: 0, structure: 0, edges: 0, gradients: 1}'])


@pytest.mark.parametrize(('command', 'config', 'right'), [
    ('mono', 'coarse_to_fine', 'coarse_to_fine'), ('coarse_to_fine', 'anynet', 'stereo'),
    ('stereo', 'mono_unet', 'mono')])
def test_a_config_of_another_command_names_it(command, config, right):
    with pytest.raises(SystemExit, match=rf'depth-nodes train {command}: .*: depth-nodes train {right}$'):
        cli.main(['train', command, '--config', config])


def test_only_checking_makes_no_folder(tiny, tmp_path, capsys):
    mono.COARSE_TO_FINE.main(['--config', tiny, '--out', str(tmp_path / 'run'), '--check'])
    assert 'check: rgbd' in capsys.readouterr().out and not (tmp_path / 'run').exists()

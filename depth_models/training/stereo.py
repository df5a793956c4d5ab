"""
`depth-nodes train stereo --config anynet`: from pairs to a weight file.

The run lives in a folder: config.yaml (everything that was in force), checkpoints/, log.jsonl,
tensorboard/, and at the end <name>.safetensors. Killed at any moment, the same command goes on from
the last checkpoint, and ends with the weights that an undisturbed run would have given.

Several devices: --set trainer.devices=4 --set trainer.strategy=ddp; each draws its share of every
batch, so data.batch stays what it is. Several machines: trainer.nodes too, the same command on each
with MASTER_ADDR, MASTER_PORT and NODE_RANK set (or torchrun, or Slurm), and --out on a shared disk.
"""

from depth_models.training.command import Command

COMMAND = Command('stereo', 'anynet')
add_arguments, run, main = COMMAND.add_arguments, COMMAND.run, COMMAND.main

if __name__ == '__main__':
    main()

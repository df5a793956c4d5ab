"""
`depth-nodes train mono` and `depth-nodes train coarse_to_fine`: from views to a weight file.

The mono U-Net that ships is trained twice: `--config mono_unet` goes on from the result of the default.

Runs live in folders, stop and go on as those of stereo do: see `depth_models.training.stereo`. Coarse to
fine is one run of two phases: trainer.steps in all, the first trainer.coarse_steps of them for the
coarse network, the others for the fine one. It may stop in either, and between them.

Data: generated views, and any layout of depth_models/data/depth_datasets, each with its share:

    --set 'data.sources=[{kind: world}, {kind: nyu_folders, weight: 3, path: /data/nyu}]'

`python -m depth_models.training.mono` is `depth-nodes train mono`.
"""

from depth_models.training.command import Command

MONO = Command('mono', 'mono_unet_first')
COARSE_TO_FINE = Command('coarse_to_fine', 'coarse_to_fine', example='trainer.coarse_steps=3000')
add_arguments, run, main = MONO.add_arguments, MONO.run, MONO.main

if __name__ == '__main__':
    main()

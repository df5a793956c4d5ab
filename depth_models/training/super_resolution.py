"""
`depth-nodes train depth_gan` and `depth-nodes train super_resolution`: from views to a weight file.

Runs live in folders, stop and go on as those of stereo do: see `depth_models.training.stereo`.

    depth-nodes train depth_gan                                      depth alone, x4
    depth-nodes train depth_gan --config depth_gan_x8_adversarial    against a discriminator
    depth-nodes train super_resolution                               guided by an image
    depth-nodes train super_resolution --config guided_super_resolution_second    goes on from its result
    depth-nodes train super_resolution --config guided_super_resolution_third     and from that one's
    depth-nodes train super_resolution --config guided_super_resolution           the last one, as shipped

Data: generated views, and any layout of depth_models/data/depth_datasets, each with its share. Truth is
cropped from them, and what is left of it at low resolution is drawn anew every time (data.degrading):

    --set 'data.sources=[{kind: world}, {kind: nyu_folders, weight: 3, path: /data/nyu}]'

`python -m depth_models.training.super_resolution` is `depth-nodes train super_resolution`.
"""

from depth_models.training.command import Command

DEPTH_GAN = Command('depth_gan', 'depth_gan_x4', example='optimizer.loss.gan=0.01')
GUIDED = Command('super_resolution', 'guided_super_resolution_first', example='data.degrading.gaussian=0.1')
add_arguments, run, main = GUIDED.add_arguments, GUIDED.run, GUIDED.main

if __name__ == '__main__':
    main()

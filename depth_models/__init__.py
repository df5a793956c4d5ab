"""Depth models as a library: numpy in, numpy out, no ROS. See `depth_models.estimators`."""

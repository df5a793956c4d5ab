"""
What a recording is compared with: a topic of depth, disparity or points, or a folder of files by stamp.

`at` gives the truth of a frame on the grid of its estimate; `said` tells how much was found and why the
rest could not be used.
"""

from depth_nodes.replay.truth_by_stamp import GroundTruth
from depth_nodes.replay.truth_folder import FolderTruth
from depth_nodes.replay.truth_maps import Truth
from depth_nodes.replay.truth_topic import TopicTruth

__all__ = ['FolderTruth', 'GroundTruth', 'TopicTruth', 'Truth']

"""
Stand-ins for two ROS packages that PyPI does not carry: cv_bridge and message_filters.

Each module exports the names of the real package: the real ones where they can be imported and
work, else ours, which do the same for what this project uses and nothing more. PASSED_OVER of a
module says in one sentence why an installed real package is not used, for the node to log; else it
is None.
"""


def passed_over() -> list[str]:
    """A sentence for each installed package that does not work and that a stand-in replaces."""
    from depth_nodes.standins import cv_bridge, message_filters
    return [module.PASSED_OVER for module in (cv_bridge, message_filters) if module.PASSED_OVER]

"""The parameters of nodes that synchronize inputs."""

from dataclasses import dataclass

from depth_nodes.parameters import Checked, param


@dataclass(frozen=True)
class SetParams(Checked):
    """The parameters of every node that synchronizes inputs; names of image_pipeline."""

    queue_size: int = param(
        5, 'Messages kept of each topic while a set is incomplete.', low=1, high=1000)
    approximate_sync: bool = param(
        False, 'Match messages whose stamps differ a little; false: only equal stamps.')
    approximate_sync_tolerance_seconds: float = param(
        0.0, 'Largest difference of stamps in a set [s], with approximate_sync; '
        '0.0: half of the frame period, measured.', low=0.0, high=10.0)
    use_system_default_qos: bool = param(
        False, 'Subscribe with the system default QoS; false: sensor data (best effort).')
    no_data_timeout: float = param(
        5.0, 'Say what is missing after so long without a complete set [s].', low=0.1, high=3600.0)
    max_image_age_ms: float = param(
        0.0, 'Drop a set that is older than this when it arrives, by its stamp and the '
        "node's clock [ms]; 0.0: never.", low=0.0, high=3600000.0, live=True)

    image_transport = 'raw'  # a parameter of nodes that see pictures


@dataclass(frozen=True)
class InputParams(SetParams):
    """And of those that see pictures."""

    image_transport: str = param(
        'raw', 'How images come: raw, or compressed (JPEG or PNG on the topic .../compressed).',
        choices=('raw', 'compressed'))

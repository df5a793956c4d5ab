"""
Sparse depth node: depths that are known here and there in; dense depth, points, confidence out.

sparse_depth/image or sparse_points, camera_info, image_rect where it comes -> inputs -> newest -> read,
estimate, publish
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header

from depth_models.estimators.sparse import GUIDED, PLAIN
from depth_models.estimators.sparse_by_image import load_sparse
from depth_models.frames import SparseEstimate, SparseFrame
from depth_nodes.answers import DepthAnswer, VirtualPairParams
from depth_nodes.budgeted import NetworkParams, Plan
from depth_nodes.frame_node import FrameNode
from depth_nodes.health import Health, Remarks
from depth_nodes.inputs import SynchronizedInputs, Topic
from depth_nodes.lifecycle import run
from depth_nodes.outputs import DepthOutputs, OutputParams
from depth_nodes.parameters import param
from depth_nodes.sparse_depth import GUIDE, IMAGE, INFO, POINTS, SparseMessages, read_sparse
from depth_nodes.transforms import PointsToCamera, TransformParams

STAGES = 2


@dataclass(frozen=True)
class SparseDepthParams(NetworkParams, OutputParams, VirtualPairParams, TransformParams):
    """Every parameter of the sparse depth node; config/sparse_depth.yaml and the README follow it."""

    weights: str = param(PLAIN, f'Of the network that sees depth alone: shipped ones by name ({PLAIN}), or '
                         'the path of a .safetensors file.')
    weights_rgb: str = param(GUIDED, f'Of the network that sees {GUIDE} too, likewise.')
    use_image: bool = param(
        True, f'See {GUIDE} too, and colour the points, while it comes; false: do not subscribe to it.')
    stage: int = param(
        0, 'Last stage to run: 1 planes through what was measured, 2 the network; 0: 2 where the latency '
        'budget allows.', low=0, high=STAGES, live=True)
    denoise: bool = param(
        False, 'Measurements may be wrong: depth may differ from them; false: it is what was measured.',
        live=True)
    use_color: bool = param(
        True, 'Give the network and the points the colours of the images; false: their grey.', live=True)


class SparseDepthNode(FrameNode):

    def __init__(self, **kwargs: Any) -> None:
        super().__init__('sparse_depth_node', SparseDepthParams, **kwargs)

    def while_configured(self, keep: ExitStack) -> None:
        params = self.params.now
        self.estimator = load_sparse(params.weights, params.weights_rgb if params.use_image else '',
                                     **params.engine_options())
        self.estimator.warm_up(params.scales())
        self.say_ready(self.estimator.describe())
        self.outputs = keep.enter_context(DepthOutputs(self, self.follow_listeners))

    def while_active(self, keep: ExitStack) -> None:
        params = self.params.now
        self.transform = PointsToCamera(self, params.points_to_camera)
        self.transform.listen(keep)
        self.inputs = SynchronizedInputs(self, topics(params), params, self.receive)
        health = keep.enter_context(Health(self, self.inputs, self.estimator.describe()))
        self.newest = self.answer_frames(keep, self, self.estimator, health, used='seen')

    def receive(self, sparse: Image | PointCloud2, info: CameraInfo, *rest: Any) -> None:
        """rest: the image, if it is one of the topics (None while it is silent); the arrival."""
        image: Image | CompressedImage | None = rest[0] if len(rest) == 2 else None
        self.newest.put(SparseMessages(sparse, info, image, rest[-1]))

    # on the worker's thread, one frame after the other; what they raise, the health reports

    def read(self, messages: SparseMessages, params: SparseDepthParams) -> SparseFrame:
        return read_sparse(messages, self.transform, grey=not params.use_color)

    def estimate(self, header: Header, frame: SparseFrame, params: SparseDepthParams, plan: Plan
                 ) -> SparseEstimate:
        return self.estimator.compute(frame.sparse, frame.image, denoise=params.denoise, **plan._asdict())

    def answer(self, header: Header, frame: SparseFrame, estimate: SparseEstimate,
               params: SparseDepthParams) -> DepthAnswer:
        """What is published of an estimate."""
        return DepthAnswer(frame, estimate.depth, estimate.confidence, estimate.stage,
                           params.virtual_baseline, params)

    def publish(self, header: Header, frame: SparseFrame, estimate: SparseEstimate,
                params: SparseDepthParams, *, send: bool) -> Remarks:
        self.outputs.publish(header, self.answer(header, frame, estimate, params), params, send=send)
        share = estimate.measured / estimate.depth.size
        return Remarks({'measured': estimate.measured, 'measured_share': f'{share:.6f}',
                        'guided': estimate.guided}, _lack(frame, estimate))


def topics(params: SparseDepthParams) -> dict[str, Topic]:
    """The inputs, in the order in which `receive` takes their messages."""
    found = {IMAGE: Topic(Image, instead={POINTS: PointCloud2}, compressible=False), INFO: Topic(CameraInfo)}
    if params.use_image:
        found[GUIDE] = Topic(Image, optional=True)
    return found


def _lack(frame: SparseFrame, estimate: SparseEstimate) -> str:
    if estimate.measured:
        return ''
    return (f'nothing was measured: of {frame.size[1]}x{frame.size[0]} pixels none has a depth that is '
            f'positive and finite on {IMAGE}, or of a point on {POINTS} that the camera sees; depth is NaN')


def main() -> None:
    run(SparseDepthNode)


if __name__ == '__main__':
    main()

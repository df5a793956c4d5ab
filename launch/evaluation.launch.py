"""Start it: ros2 launch depth_nodes evaluation.launch.py depth:=/stereo/depth/image_rect ground_truth:=..."""

from depth_nodes.launching import argument, describe_node

TOPICS = {'depth/image_rect': 'depth', 'ground_truth/depth': 'ground_truth', 'confidence': 'confidence'}


def generate_launch_description():
    return describe_node(
        'evaluation_node', 'evaluation.yaml', network=False, topics=TOPICS, arguments=[
            argument('depth', 'depth/image_rect', 'Topic of the depth that is judged.'),
            argument('ground_truth', 'ground_truth/depth', 'Topic of the ground truth for it.'),
            argument('confidence', 'confidence', 'Topic of the confidence in the depth.'),
        ],
        parameters={'use_confidence': (bool, 'Judge confidence too, while it comes.'),
                    'window': (int, 'Frames that the means are over.'),
                    'max_range': (float, 'Farthest ground truth that is judged [m].'),
                    'most_abs_rel': (float, 'Warn where the mean relative error is above.'),
                    'most_rmse': (float, 'Warn where the mean RMSE is above [m].'),
                    'most_mae': (float, 'Warn where the mean absolute error is above [m].'),
                    'least_d1': (float, 'Warn where a smaller share is off by a factor under 1.25.'),
                    'least_density': (float, 'Warn where a smaller share of pixels has an estimate.'),
                    'approximate_sync': (bool, 'Match stamps that differ a little.')})

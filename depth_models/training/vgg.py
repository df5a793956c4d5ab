"""
The first layers of VGG-16, up to conv 3.1: what makes depth maps that look alike alike.

Simonyan and Zisserman, "Very Deep Convolutional Networks", arXiv 1409.1556, configuration D, table 1.
The weights are those that torchvision publishes; they are not ours to ship, and not downloaded.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

FILE = 'vgg16-397923af.pth'  # as torchvision names it
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training, images in 0..1
# torchvision's numbers of the convolutions, and their channels; pooling halves the size before 5 and 10
LAYERS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256)}
POOLED = (5, 10)


class VGGFeatures(nn.Module):
    """[B,3,H,W] in 0..1 -> conv 3.1 before its ReLU, [B,256,H/4,W/4]. Never trained."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in LAYERS.items():
            if number in POOLED:
                layers.append(nn.MaxPool2d(2))
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers((images - self.mean) / self.std)

    def take(self, weights: Mapping[str, Tensor], path: Path) -> None:
        """Weights by torchvision's names, features.N.weight and .bias; path: for errors."""
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        for layer, number in zip(convolutions, LAYERS, strict=True):
            for name, own in (('weight', layer.weight), ('bias', layer.bias)):
                key = f'features.{number}.{name}'
                if own is None or key not in weights or weights[key].shape != own.shape:
                    raise ValueError(f'{path}: not the weights of VGG-16, {key} is missing or of another '
                                     'shape')
                own.data.copy_(weights[key])


def weights_file(path: str = '') -> Path | None:
    """The file of a path, or where torch keeps what torchvision downloaded; None where there is none.

    FileNotFoundError where a path is given and nothing is there.
    """
    if path:
        if not (file := Path(path).expanduser()).is_file():
            raise FileNotFoundError(f'{file}: no such file; expected the weights of VGG-16, {FILE}')
        return file
    file = Path(torch.hub.get_dir()) / 'checkpoints' / FILE
    return file if file.is_file() else None


def load(path: Path) -> VGGFeatures:
    """The features with the weights of a file; ValueError where it is none of VGG-16."""
    try:
        weights = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many kinds for what is no file of its own
        raise ValueError(f'{path}: not a file of weights ({type(error).__name__}: '
                         f'{str(error).splitlines()[0]})') from error
    if not isinstance(weights, Mapping):
        raise ValueError(f'{path}: not a file of weights, but a {type(weights).__name__}')
    features = VGGFeatures()
    features.take(weights, path)
    return features.eval()

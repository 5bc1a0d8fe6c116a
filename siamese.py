"""A network in PyTorch, as cnnspec wrote it.

It takes left, N x 1 x 10 x 10, and right, N x 1 x 10 x 10, and has 415 parameters.
Shapes in comments are height x width x channels, those of one sample.
"""

import torch
from torch import nn


class Tower(nn.Module):
    """10x10x1 -> 24, as in a."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.relu1 = nn.ReLU()
        self.maxpool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 6, 3, bias=False)
        self.batchnorm1 = nn.BatchNorm2d(6)
        self.relu2 = nn.ReLU()
        self.flatten1 = nn.Flatten()

    def forward(self, x):
        x = self.conv1(x)  # 8x8x4
        x = self.relu1(x)
        x = self.maxpool1(x)  # 4x4x4
        x = self.conv2(x)  # 2x2x6
        x = self.batchnorm1(x)
        x = self.relu2(x)
        x = self.flatten1(x)  # 24
        return x


class Network(nn.Module):
    """10x10x1 and 10x10x1 -> 3."""

    def __init__(self):
        super().__init__()
        self.a = Tower()
        self.dense1 = nn.Linear(48, 3)

    def forward(self, left, right):
        left = self.a(left)  # 24
        right = self.a(right)  # 24
        right = torch.cat((right, left), dim=1)  # 48
        right = self.dense1(right)  # 3
        return right


def load_weights(model, path):
    """Takes the weights that cnnspec saved; names and layouts are the same."""
    from safetensors.torch import load_file

    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"weights of another network: {missing} {unexpected}")
    return model.eval()


if __name__ == "__main__":
    model = Network().eval()
    left = torch.zeros(1, 1, 10, 10)
    right = torch.zeros(1, 1, 10, 10)
    print(tuple(model(left, right).shape))

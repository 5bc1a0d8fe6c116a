"""A spec's recipe followed by PyTorch: the rival of a cold ``cnnspec train``.

python -m benchmarks.torch_train lenet [--threads 2] [--seed 1]
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import cnnspec
from benchmarks.torch_net import chain
from cnnspec.backends.contract import Images, Scaling
from cnnspec.recipe.models import CrossEntropy, OneCycle, Recipe, Sgd
from cnnspec.resources import example_text
from cnnspec.training.data import load
from cnnspec.training.evaluate import scaling_of


def train(net: nn.Module, images: torch.Tensor, labels: torch.Tensor, recipe: Recipe) -> None:
    """SGD with momentum on the one-cycle schedule."""
    given, schedule, goal = recipe.optimizer, recipe.schedule, recipe.loss
    assert isinstance(given, Sgd)
    assert isinstance(schedule, OneCycle)
    assert isinstance(goal, CrossEntropy)
    optimizer = torch.optim.SGD(
        net.parameters(), given.rate, given.momentum, weight_decay=given.decay, nesterov=given.nesterov
    )
    steps = recipe.epochs * -(-len(labels) // recipe.batch)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        schedule.peak or given.rate,
        total_steps=steps,
        pct_start=schedule.climb,
        cycle_momentum=False,
    )
    loss = nn.CrossEntropyLoss(label_smoothing=goal.smoothing)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(labels)).split(recipe.batch):
            optimizer.zero_grad()
            value = loss(net(images[chosen]), labels[chosen])
            value.backward()
            optimizer.step()
            cycle.step()


def scaled(images: Images, scaling: Scaling) -> torch.Tensor:
    """Bytes N x H x W x C as floats N x C x H x W."""
    factor, shift = (torch.tensor(value, dtype=torch.float32) for value in (scaling.factor, scaling.shift))
    return (torch.tensor(images) * factor + shift).movedim(-1, 1).contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    network = cnnspec.parse(example_text(options.network))
    recipe, data, net = network.recipe or Recipe(), load("mnist"), chain(network)
    scaling = scaling_of(recipe.normalise, data.train_images)
    train(net, scaled(data.train_images, scaling), torch.tensor(data.train_labels), recipe)
    with torch.inference_mode():
        right = net(scaled(data.test_images, scaling)).argmax(1) == torch.tensor(data.test_labels)
    print(f"test accuracy {100 * right.float().mean():.2f} %")


if __name__ == "__main__":
    main()

# mypy: ignore-errors
"""A dozen small networks as people write them in plain PyTorch, and an example of what each takes."""

import torch
import torch.nn.functional as F  # noqa: N812 - as everyone names it
from torch import nn


class Residual(nn.Module):
    def __init__(self, channels, width, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return F.relu(out)


class ResidualNet(nn.Module):
    """Stages made by a helper, as torchvision does."""

    def __init__(self, widths=(8, 16), classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.channels = 8
        self.stages = nn.Sequential(*[self._stage(w, 2, 1 + (n > 0)) for n, w in enumerate(widths)])
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(widths[-1], classes)

    def _stage(self, width, depth, stride):
        layers = []
        for n in range(depth):
            layers.append(Residual(self.channels, width, stride if n == 0 else 1))
            self.channels = width
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.stages(self.stem(x))
        x = torch.flatten(self.pool(x), 1)
        return self.fc(x)


class DenseNet(nn.Module):
    def __init__(self, growth=4, depth=3):
        super().__init__()
        self.layers = nn.ModuleList()
        channels = 3
        for _ in range(depth):
            self.layers.append(
                nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, growth, 3, padding=1))
            )
            channels += growth
        self.last = nn.Conv2d(channels, 6, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return self.last(x).mean([2, 3])


class SqueezeExcite(nn.Module):
    def __init__(self, channels=8, reduction=4):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        x = self.conv(x)
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y


def conv_bn(inputs, outputs, stride, groups=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv_bn(3, 8, 2), conv_bn(8, 8, 1, 8), nn.Conv2d(8, 12, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 4))

    def forward(self, x):
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], -1)
        return self.classifier(x)


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 6, 3, 2, 1), nn.LeakyReLU(0.2))
        self.up = nn.ConvTranspose2d(6, 3, 4, stride=2, padding=1)

    def forward(self, x):
        return torch.tanh(self.up(self.down(x)))


class Norms(nn.Module):
    """Group norm, instance norm and hard-swish, with a skip across."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.gn = nn.GroupNorm(4, 8)
        self.b = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.InstanceNorm2d(8, affine=True)
        self.act = nn.Hardswish()

    def forward(self, x):
        x = self.act(self.gn(self.a(x)))
        return F.hardsigmoid(self.norm(self.b(x))) * x


class Shuffled(nn.Module):
    """ShuffleNet's shuffle, by hand, and half of the channels kept aside."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 1, groups=2)
        self.mix = nn.Conv2d(4, 4, 3, padding=1, groups=4)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        kept, x = x.chunk(2, dim=1)
        return torch.cat((kept, F.elu(self.mix(x))), 1)


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
        self.mid = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU())
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.dec = nn.Conv2d(24, 2, 3, padding=1)

    def forward(self, x):
        skip = self.enc(x)
        x = self.up(self.mid(skip))
        x = self.dec(torch.cat([x, skip], dim=1))
        return F.softmax(x, dim=1)


class ConvNext(nn.Module):
    """Channels last in the middle, as ConvNeXt is written, with its layer scale."""

    def __init__(self, dim=8):
        super().__init__()
        self.stem = nn.Conv2d(3, dim, 4, stride=4)
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(0.5 * torch.ones(dim))

    def forward(self, x):
        x = self.stem(x)
        skip = x
        x = self.dwconv(x)
        x = x.permute(0, 2, 3, 1)
        x = self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        x = self.gamma * x
        x = x.permute(0, 3, 1, 2)
        return skip + x


class Audio(nn.Module):
    """One spatial axis, dilated, gated."""

    def __init__(self, layers=3):
        super().__init__()
        self.start = nn.Conv1d(1, 4, 3, padding=1)
        self.gates = nn.ModuleList([nn.Conv1d(4, 4, 3, padding=2**n, dilation=2**n) for n in range(layers)])
        self.filters = nn.ModuleList([nn.Conv1d(4, 4, 3, padding=2**n, dilation=2**n) for n in range(layers)])

    def forward(self, x):
        x = self.start(x)
        for gate, filter_ in zip(self.gates, self.filters, strict=True):
            x = x + torch.sigmoid(gate(x)) * torch.tanh(filter_(x))
        return x


class Padded(nn.Module):
    """Reflection, replication, PReLU, average pools that count no padding."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.ReflectionPad2d(2),
            nn.Conv2d(2, 4, 5),
            nn.PReLU(4),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="replicate"),
        )

    def forward(self, x):
        x = F.pad(x, (1, 0, 0, 1))
        return self.net(x)


def make_mlp():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 8 * 8, 16), nn.SiLU(), nn.Linear(16, 3), nn.Softmax(dim=1)
    )


class SelfAttention(nn.Module):
    """Written out, as vision transformers mostly do."""

    def __init__(self, dim, num_heads=2, qkv_bias=True, attn_drop=0.0, proj_drop=0.0):
        super().__init__()
        assert dim % num_heads == 0
        self.num_heads, self.head_dim = num_heads, dim // num_heads
        self.scale = self.head_dim**-0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.q_norm, self.k_norm = nn.Identity(), nn.Identity()
        self.attn_drop, self.proj_drop = nn.Dropout(attn_drop), nn.Dropout(proj_drop)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        q = q * self.scale
        attn = q @ k.transpose(-2, -1)
        attn = self.attn_drop(attn.softmax(dim=-1))
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj_drop(self.proj(x))


class TransformerBlock(nn.Module):
    def __init__(self, dim, attention):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = attention
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 4), nn.GELU(), nn.Linear(dim * 4, dim))

    def forward(self, x):
        if isinstance(self.attn, nn.MultiheadAttention):
            y = self.norm1(x)
            x = x + self.attn(y, y, y, need_weights=False)[0]
        else:
            x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class WrittenVit(nn.Module):
    """Patches, a token, positions, and blocks whose attention is written out, or is PyTorch's."""

    def __init__(self, dim=8, depth=2, whole=False):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, dim, kernel_size=4, stride=4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.randn(1, 17, dim) * 0.02)
        self.blocks = nn.Sequential(
            *[
                TransformerBlock(
                    dim,
                    nn.MultiheadAttention(dim, 2, batch_first=True) if whole else SelfAttention(dim),
                )
                for _ in range(depth)
            ]
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, 5)

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = self.norm(self.blocks(x + self.pos_embed))
        return self.head(x[:, 0])


class WholeVit(WrittenVit):
    """The same with ``nn.MultiheadAttention``."""

    def __init__(self):
        super().__init__(whole=True)


EXAMPLES = {
    "WrittenVit": (3, 16, 16),
    "WholeVit": (3, 16, 16),
    "ResidualNet": (3, 16, 16),
    "DenseNet": (3, 8, 8),
    "SqueezeExcite": (3, 9, 9),
    "Depthwise": (3, 16, 16),
    "Transposed": (1, 12, 12),
    "Norms": (3, 8, 8),
    "Shuffled": (4, 6, 6),
    "Unet": (3, 16, 16),
    "ConvNext": (3, 16, 16),
    "Audio": (1, 32),
    "Padded": (2, 9, 9),
    "make_mlp": (3, 8, 8),
}
"""Channels first, without the batch."""

"""The words of ``train { }``, and what others call them.

A table says which models a word may become; the models' fields are the options.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from cnnspec.recipe.models import (
    Adam,
    AdamW,
    Augment,
    Constant,
    Cosine,
    CrossEntropy,
    Data,
    Exponential,
    MeanSquaredError,
    Normalise,
    OneCycle,
    RmsProp,
    Setting,
    Sgd,
    Step,
    Stop,
)

Kinds: TypeAlias = dict[str, type[Setting]]

SETTINGS: Final[dict[str, Kinds | type[Setting] | None]] = {
    "data": Data,
    "optimizer": {"sgd": Sgd, "adam": Adam, "adamw": AdamW, "rmsprop": RmsProp},
    "schedule": {
        "constant": Constant, "exponential": Exponential, "step": Step, "cosine": Cosine,
        "onecycle": OneCycle,
    },
    "batch": None, "epochs": None, "seed": None,
    "loss": {"crossentropy": CrossEntropy, "mse": MeanSquaredError},
    "initial": None,
    "normalise": Normalise,
    "augment": Augment,
    "classweights": None, "clip": None,
    "stop": Stop,
    "workers": None,
}  # fmt: skip
"""Each word with its kinds, its one model, or None where it takes a single value of ``Recipe``."""

SYNONYMS: Final = {
    "optimiser": "optimizer", "optim": "optimizer", "epoch": "epochs", "num_epochs": "epochs",
    "n_epochs": "epochs", "batch_size": "batch", "batchsize": "batch", "scheduler": "schedule",
    "lr_scheduler": "schedule", "lr_schedule": "schedule", "dataset": "data", "normalize": "normalise",
    "augmentation": "augment", "init": "initial", "initializer": "initial", "kernel_initializer": "initial",
    "weight_init": "initial", "early_stopping": "stop", "earlystopping": "stop", "criterion": "loss",
    "objective": "loss", "loss_fn": "loss", "class_weight": "classweights", "class_weights": "classweights",
    "random_seed": "seed", "random_state": "seed", "clipnorm": "clip", "grad_clip": "clip",
    "clip_norm": "clip", "gradient_clipping": "clip", "max_norm": "clip", "num_workers": "workers",
    "threads": "workers",
}  # fmt: skip
OPTION_SYNONYMS: Final = {
    "lr": "rate", "learning_rate": "rate", "weight_decay": "decay", "wd": "decay", "eps": "epsilon",
    "label_smoothing": "smoothing", "gamma": "factor", "step_size": "every", "max_lr": "peak",
    "pct_start": "climb", "validation_split": "validation", "val_split": "validation",
    "rotation": "rotate", "degrees": "rotate", "translate": "shift", "zoom": "scale", "sigma": "smooth",
    "mirror": "flip", "alpha": "memory", "rho": "memory", "min_delta": "change", "warmup_epochs": "warmup",
    "eta_min": "floor",
}  # fmt: skip
CHOICE_SYNONYMS: Final = {
    "cross_entropy": "crossentropy", "categorical_crossentropy": "crossentropy",
    "sparse_categorical_crossentropy": "crossentropy", "ce": "crossentropy", "nll": "crossentropy",
    "l2": "mse", "mean_squared_error": "mse", "one_cycle": "onecycle", "exp": "exponential", "steps": "step",
    "momentum": "sgd", "nesterov": "sgd", "fashion": "fashion_mnist", "folder": "images",
}  # fmt: skip
NEEDLESS: Final = {
    "shuffle": "the samples are shuffled anew each epoch, always",
    "metrics": "loss and accuracy are always told",
    "monitor": "the validation loss is watched where data keeps a validation part",
    "restore_best_weights": "the weights of the best epoch are always taken",
}
"""What others ask for and is so anyway."""


def owners(option: str) -> tuple[str, ...]:
    """The sentences that have an option: ``optimizer sgd``, ``augment``; its own name or another's."""
    option = OPTION_SYNONYMS.get(option, option)
    found = []
    for word, entry in SETTINGS.items():
        kinds = entry if isinstance(entry, dict) else {"": entry} if entry else {}
        for kind, model in kinds.items():
            if option in options_of(model):
                found.append(f"{word} {kind}".strip())
    return tuple(found)


def options_of(model: type[Setting]) -> list[str]:
    """Names of the options of a sentence, in order."""
    return [name for name in model.model_fields if name != "kind" or "kind" in model.positional]

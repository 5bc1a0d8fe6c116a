"""The words of ``train { }``, and what others call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, get_args

from cnnspec.recipe.base import SettingModel
from cnnspec.recipe.models import Recipe

Kinds: TypeAlias = dict[str, type[SettingModel]]


def _entry(annotation: Any) -> Kinds | type[SettingModel] | None:
    models = list(_models(annotation))
    if models and models[0].has_kinds():
        return {model.model_fields["kind"].default: model for model in models}
    return models[0] if models else None


def _models(annotation: Any) -> Iterator[type[SettingModel]]:
    if isinstance(annotation, type) and issubclass(annotation, SettingModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


SETTINGS: Final = {word: _entry(field.annotation) for word, field in Recipe.model_fields.items()}
"""Each word with its kinds, its one model, or None where it takes a single value of ``Recipe``."""

SYNONYMS: Final = {
    "optimiser": "optimizer", "optim": "optimizer", "epoch": "epochs", "num_epochs": "epochs",
    "n_epochs": "epochs", "batch_size": "batch", "batchsize": "batch", "scheduler": "schedule",
    "lr_scheduler": "schedule", "lr_schedule": "schedule", "dataset": "data", "normalize": "normalise",
    "augmentation": "augment", "init": "initial", "initializer": "initial", "kernel_initializer": "initial",
    "weight_init": "initial", "early_stopping": "stop", "earlystopping": "stop", "criterion": "loss",
    "objective": "loss", "task": "target", "goal": "target", "loss_fn": "loss",
    "class_weight": "classweights", "class_weights": "classweights", "random_seed": "seed",
    "random_state": "seed", "clipnorm": "clip", "grad_clip": "clip", "clip_norm": "clip",
    "gradient_clipping": "clip", "max_norm": "clip", "num_workers": "workers", "threads": "workers",
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
    "l2": "mse", "mean_squared_error": "mse", "l1": "mae", "mean_absolute_error": "mae",
    "smooth_l1": "huber", "binary_crossentropy": "bce", "binary_cross_entropy": "bce",
    "bcewithlogits": "bce", "logloss": "bce", "diceloss": "dice", "f1": "dice", "segmentation": "mask",
    "pixels": "mask", "masks": "mask", "regression": "numbers", "number": "numbers", "autoencoder": "image",
    "reconstruction": "image", "multilabel": "binary", "classification": "class", "label": "class",
    "one_cycle": "onecycle", "exp": "exponential", "steps": "step", "fashion": "fashion_mnist",
    "folder": "images",
}  # fmt: skip
NEEDLESS: Final = {
    "shuffle": "the samples are shuffled anew each epoch, always",
    "metrics": "loss and accuracy are always shown",
    "monitor": "the validation loss is monitored where there are validation samples",
    "restore_best_weights": "the weights of the best epoch are always kept",
}
"""What others ask for and is so anyway."""


def owners(option: str) -> tuple[str, ...]:
    """The sentences that have an option: ``optimizer sgd``, ``augment``; its own name or another's."""
    option = OPTION_SYNONYMS.get(option, option)
    models = [model for entry in SETTINGS.values() for model in models_of(entry)]
    return tuple(model.title() for model in models if option in model.option_fields())


def models_of(entry: Kinds | type[SettingModel] | None) -> list[type[SettingModel]]:
    if isinstance(entry, dict):
        return list(entry.values())
    return [] if entry is None else [entry]

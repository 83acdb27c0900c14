"""A run file in the schema: its sections, each choice by its `kind`, and the short forms (`optimizer: adam`)."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isclass
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from archspec.authoring.schema.document import DRAFT
from archspec.authoring.schema.values import Schema, documented, ref, tidy
from archspec.run import Run
from archspec.run.sections import AS_TEXT, Section

KEYS: dict[str, str] = {
    "name": "Name of the run directory; unwritten, the run file's own.",
    "model": "The network: one of the zoo, or a spec file, as it is or changed.",
    "data": "The images to train on.",
    "train": "How to train.",
    "kind": "Which of them; it decides what other keys there are.",
    "spec": "A network of the zoo, or a path to a spec, relative to this file.",
    "variant": "One of the spec's variants.",
    "set": "Other values for what the spec sets, as `--set` takes them: {vars.width: 32}.",
    "input": "Another input size: [3, 64, 64].",
    "root": "The folder that holds the data, relative to this file.",
    "strict": "Whether files that cannot be read stop a run; else they are listed and left out.",
    "train_dev": "Share of the training examples that is measured and not trained on.",
    "folds": "Number of parts of which one is val, instead of a share.",
    "fold": "Which of the folds is val, counted from 0.",
    "train_list": "File with the names of what is trained on, one a line; the rest is left out.",
    "train_dev_list": "File with the names in train_dev, one a line.",
    "val_list": "File with the names in val, one a line.",
    "test_list": "File with the names in test, one a line.",
    "file": "The file, relative to this one.",
    "path_column": "Column with the images' paths.",
    "label_column": "Column with their labels.",
    "split_column": "Column that says train, val, test or train_dev.",
    "multi_label": "Whether an image may have several labels.",
    "separator": "What stands between the labels of an image.",
    "images": "File of the images, relative to this file.",
    "labels": "File of the labels; for CIFAR-100 which of its labels: fine or coarse.",
    "train_images": "File of the images to train on, relative to this file.",
    "train_labels": "File of their labels.",
    "test_images": "File of the images to test on.",
    "test_labels": "File of their labels.",
    "names": "What the classes are called, in the order of their numbers.",
    "split": "What is held out of training.",
    "val": "Share held out to choose the best epoch by.",
    "test": "Share held out to measure the trained network on.",
    "fit": "How an image comes to the network's input size: scaled on each axis, cropped, letterboxed, or centred.",
    "background": "What lies under transparent images: white, black or [red, green, blue].",
    "in_memory": "Whether decoded images are kept in memory.",
    "epochs": "How often all images are gone through.",
    "batch": "Images at once.",
    "optimizer": "How gradients change the weights.",
    "schedule": "How the learning rate goes from step to step.",
    "seed": "What random numbers begin from: the same seed, the same draw.",
    "device": "What computes: auto, cpu, cuda, cuda:0, cuda:1, … or mps.",
    "workers": "Processes that decode images, where these are not kept in memory.",
    "lr": "Learning rate.",
    "weight_decay": "Share of the weights that is taken away, times the learning rate, at each step.",
    "momentum": "Share of the last step that goes on in the next.",
    "nesterov": "Whether the gradient is taken where momentum leads.",
    "final": "The last learning rate, as a share of the first.",
    "every": "Of a schedule, epochs between two changes; of checkpoints, seconds between two.",
    "factor": "What the learning rate is multiplied with.",
    "weights": "Trained weights to begin from: a run directory or a file.",
    "replace": "Layers that begin anew, by patterns of their names: [linear1].",
    "path": "A run directory or a file of weights, relative to this file.",
    "map": "Whose names the file has: identity, torchvision, timm, or a key map.",
    "which": "Which weights of a run directory.",
    "loss": "What training makes small.",
    "warmup": "How the learning rate rises before the schedule begins.",
    "accumulate": "Batches whose gradients make one step.",
    "clip": "How large gradients may be.",
    "norm": "The length that all gradients together are cut to.",
    "ema": "How much of the average of the weights a step keeps: 0.999. It is what is measured and kept.",
    "early_stop": "When training ends before its last epoch.",
    "best": "The figure that tells the best epoch.",
    "patience": "Epochs without anything better, after which training ends.",
    "on": "The figure that decides.",
    "checkpoint": "When all that going on needs is saved.",
    "watch": "What is done where training goes wrong: said, or the run is ended, or nothing.",
    "keep": "How many checkpoints are kept; of augment, the least share of a box that has to be left.",
    "sync_batchnorm": "Whether batch norm sees the images of all processes, where there are several.",
    "tensorboard": "Whether event files are written too.",
    "precision": "The numbers that a step is computed in: fp32, bf16, fp16, or the fastest of them.",
    "memory_format": "Whether channels lie last in memory.",
    "compile": "Whether torch.compile makes the network faster first.",
    "l1": "Times the sum of the absolute weights: added to the loss.",
    "l2": "Times half the sum of the squared weights: added to the loss.",
    "init": "What weights begin with, where that is not for the spec to say.",
    "freeze": "Layers that keep their weights, by patterns of their names: [stem, stage.1].",
    "unfreeze": "From which epoch on frozen layers learn: {5: [stage.1]}.",
    "rates": "What the learning rate of layers is multiplied with: {stem: 0.1}.",
    "label_smoothing": "Share of the target that all classes get alike.",
    "class_weights": "What an example of each class counts: balanced, or a list.",
    "positive_weights": "What an example that has a class counts for it: balanced, or a list.",
    "gamma": "How much less easy examples count; 0 is cross-entropy.",
    "margin": "How far the right score should lie ahead.",
    "threshold": "The least probability that counts as yes.",
    "beta": "Up to where distances are squared.",
    "distance": "How what is told is compared with what is: smooth_l1, l2 or l1.",
    "present": "How much counts whether there is anything.",
    "between": "The two points, by name, whose distance errors are parts of.",
    "pairs": "Points that change places in a mirrored image, where their names do not say left and right.",
    "classes": "Names of the classes, in the order of their numbers; of a loss, how much an object's class counts.",
    "box": "How much counts where a box is.",
    "object": "How much counts that an object is told where one is.",
    "empty": "How much counts that nothing is told where nothing is.",
    "match": "The overlap (IoU) with an object from which a default box answers for it.",
    "negatives": "Default boxes without an object that count, for each with one: the hardest.",
    "ignore": "The overlap (IoU) with an object above which a box that does not answer for it learns nothing.",
    "overlap": "Of a loss, how two boxes are compared; of scattered digits, the largest IoU of two boxes.",
    "objects": "The least and the most objects on a canvas.",
    "noise": "Standard deviation of a canvas's noise, of 255.",
    "one_class": "What all objects are called, where their classes do not matter.",
    "turn": "Degrees that a card is turned in the picture, at most.",
    "tilt": "Degrees that a card is tilted out of the picture, at most.",
    "decay_norm_and_bias": "Whether weight decay concerns biases, and scales and shifts of norms, too.",
    "betas": "How slowly the means of the gradient and of its square forget.",
    "eps": "What is added where steps are divided.",
    "amsgrad": "Whether the largest second moment so far divides.",
    "dampening": "Share of each gradient that momentum leaves out.",
    "centered": "Whether the mean gradient is subtracted first.",
    "lr_decay": "How fast the rate falls besides, step by step.",
    "initial": "What the sum of squares begins with.",
    "cycles": "How often the cosine is gone through.",
    "snapshots": "Whether the weights at the end of each cycle are kept, in the run directory's `snapshots`.",
    "at": "The epochs after which the rate falls.",
    "decay": "How fast the rate falls.",
    "by": "Whether epochs or steps are counted.",
    "power": "The shape of the fall; 1 is a straight line.",
    "rise": "Share of the run in which the rate rises.",
    "start": "The first learning rate, as a share of the highest.",
    "steps": "For how many steps; of checkpoints, after how many.",
    "layers": "Patterns of the layers' names.",
    "distribution": "Normal or uniform.",
    "value": "The number; of clip, what each gradient is cut to.",
    "augment": "What is changed at random about the images trained on, in this order: [mirror, {random_crop: 4}].",
    "direction": "Left to right, or upside down.",
    "p": "Probability that an image is changed.",
    "padding": "Pixels around the image before a part of its size is cut out.",
    "mode": "What the padding is: one value, or the pixels at the edge, mirrored or repeated.",
    "fill": "Value (0 … 255) of what comes from outside the image.",
    "scale": "The smallest and the largest: a share of the area, for iou_crop of the sides, for zoom, scale_jitter and "
    "mosaic a factor.",
    "sides": "The smallest and the largest factor by which the sides grow.",
    "overlaps": "Intersections over union (IoU) that a box and the part of the image are to reach.",
    "centre": "The smallest and the largest share of the sides at which the images of a mosaic meet.",
    "ratio": "The smallest and the largest ratio of the sides.",
    "degrees": "The largest angle, either way.",
    "share": "The largest shift, as a share of the side.",
    "brightness": "The factor is within 1 ± this.",
    "contrast": "The factor is within 1 ± this.",
    "saturation": "The factor is within 1 ± this.",
    "hue": "The largest turn, as a share of the colour circle.",
    "std": "Standard deviation: of initial weights; of a colour shift in variances of its component.",
    "alpha": "Of rmsprop, how slowly the mean of the squared gradient forgets; of local_warp, how far pixels move; of "
    "mixup and cutmix, both numbers of the Beta distribution.",
    "sigma": "Deviation of the Gaussian in pixels; for blur the smallest and the largest.",
}


def run_file() -> Schema:
    """The JSON Schema of a run file."""
    told = tidy(Run.model_json_schema())
    definitions = told.pop("$defs")
    for cls in _sections(Run):
        schema = told if cls is Run else definitions[cls.__name__]
        for name, field in cls.model_fields.items():
            if name not in schema["properties"]:  # the kind of a list's entry: it is the entry's key
                continue
            key = _key(field, schema["properties"][name], definitions)
            schema["properties"][name] = documented(key, field.description or KEYS.get(name, ""))
    return {
        "$schema": DRAFT,
        **told,
        "definitions": definitions,
    }


def _key(field: FieldInfo, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """A key's own schema; where it holds a section, that or its short form."""
    sections = choices(field)
    if not sections:
        return {**schema, "type": ["string", "integer", "number"]} if AS_TEXT in field.metadata else schema
    if get_origin(field.annotation) is list:
        return {**schema, "items": {"anyOf": _entries(sections, definitions)}}
    if "kind" not in sections[0].model_fields:
        (cls,) = sections
        short = definitions[cls.__name__]["properties"].get(cls.short)
        return {"anyOf": [*([short] if short else []), ref(cls.__name__)]}
    alone = {}
    for cls in sections:
        definition = definitions[cls.__name__]
        kind = str(cls.model_fields["kind"].default)
        if not definition.get("required"):
            alone[kind] = str(definition["description"]).partition("\n")[0]
    for cls in sections:
        if not isinstance(field.default, cls):
            definition = definitions[cls.__name__]
            definition["required"] = ["kind", *definition.get("required", [])]
    words: Schema = {"enum": list(alone), "enumDescriptions": list(alone.values())}
    return {"anyOf": [words, *(ref(cls.__name__) for cls in sections)]}


def _entries(sections: list[type[Section]], definitions: dict[str, Schema]) -> list[Schema]:
    """An entry of a list of sections: a word, or a mapping of one key to the section's own keys or its main one."""
    words, named = {}, []
    for cls in sections:
        definition = definitions[cls.__name__]
        properties = definition["properties"]
        kind = str(cls.model_fields["kind"].default)
        del properties["kind"]
        if not definition.get("required"):
            words[kind] = str(definition["description"]).partition("\n")[0]
        short = properties.get(cls.short)
        inner: Schema = {"anyOf": [*([short] if short else []), ref(cls.__name__)]}
        one = {"type": "object", "properties": {kind: inner}, "required": [kind], "additionalProperties": False}
        named.append(one)
    return [{"enum": list(words), "enumDescriptions": list(words.values())}, *named]


def choices(field: FieldInfo) -> list[type[Section]]:
    """The sections that a key may hold."""
    held = get_args(field.annotation)[0] if get_origin(field.annotation) is list else field.annotation
    options = get_args(held) or (held,)
    return [cls for cls in options if isclass(cls) and issubclass(cls, Section)]


def _sections(cls: type[Section]) -> Iterator[type[Section]]:
    """A section and those inside it, outermost first."""
    yield cls
    for field in cls.model_fields.values():
        for inner in choices(field):
            yield from _sections(inner)

"""What an editor shows of words that have no docstring: the keys of a spec, the words of structure, the arguments.

A text is followed by an example where one says more than words do.
"""

from __future__ import annotations

Text = tuple[str, str]

KEYS: dict[str, Text] = {
    "archspec": ("The version of the language: 1.", "archspec: 1"),
    "name": ("What the network is called.", ""),
    "allow": ("Warnings that the spec means to give, by their codes: none of them is told.", "allow: [W317]"),
    "cite": ("The paper that the network is from.", "cite: arXiv:1512.03385"),
    "task": ("What the network is for.", ""),
    "input": (
        "Size of the input: channels, height and width; [channels, length], [features] and "
        "[channels, depth, height, width] too. The batch is not written.",
        "input: [3, 224, 224]",
    ),
    "inputs": (
        "Several inputs by name; the first flows into the first layer, `from` takes another.",
        "inputs: {image: [3, 66, 200], map: [1, 50, 50]}",
    ),
    "use": (
        "Other specs whose blocks are brought in: `std` for the standard ones, a network of the zoo, or a path "
        "beside this file.",
        "use: std",
    ),
    "vars": (
        "Variables: numbers, texts and lists that the layers use as $name. `--set` and variants change them.",
        "vars: {classes: 1000, depths: [3, 4, 6, 3]}",
    ),
    "variants": (
        "Named sets of changes: other values of variables, and name, cite, input, defaults, outputs, assert.",
        'variants:\n  "152": {depths: [3, 8, 36, 3], assert: [params == 60_192_808]}',
    ),
    "blocks": (
        "Stretches of layers with parameters, each a word for `layers`.",
        "blocks:\n  double_conv:\n    params: {out: int, kernel: 3}\n    layers:\n"
        "      - conv_bn: {out: $out, kernel: $kernel}\n      - conv_bn: {out: $out, kernel: $kernel}",
    ),
    "defaults": (
        "Arguments where they are left out, anywhere in this network.",
        "defaults: {batch_norm: {eps: 1e-3}}",
    ),
    "layers": (
        "The network: each layer takes what the one above it gives.",
        "layers:\n  - conv_bn: {out: 64, kernel: 3}\n  - global_avg_pool\n  - linear: $classes",
    ),
    "heads": (
        "Outputs beside the main one.",
        "heads:\n  aux: {from: early, only: train, weight: 0.3, layers: [global_avg_pool, linear: 10]}",
    ),
    "outputs": (
        "Which layers' outputs leave the network, by name, where it is not the last layer alone.",
        "outputs: {left: encoder, right: other}",
    ),
    "assert": (
        "What must hold whenever the spec is read: comparisons of params, macs, stride and other counts. One written "
        "{always: …} holds under overrides and in variants too.",
        "assert: [params == 25_557_032, {always: params < 30_000_000}]",
    ),
}

BLOCK: dict[str, Text] = {
    "params": (
        "Parameters: a type (int, float, number, str, bool, list, layers, name) where a value is required, else the "
        "default. The first may stand alone in a call.",
        "params: {width: int, stride: 1}",
    ),
    "inputs": ("What flows in: `many` for a bundle, or a name for each tensor.", "inputs: [p3, p4, p5]"),
    "outputs": ("Which tensors the block gives, where it is not its last layer's.", "outputs: [p3, p4, p5]"),
    "layers": ("The block's layers. They see its parameters, not the file's variables.", ""),
}

HEAD: dict[str, Text] = {
    "from": ("The layer that the head takes, by name.", ""),
    "only": ("`train`: in the deployed network, and in its counts, there is no such head.", ""),
    "weight": ("Of the head's loss beside the main one.", ""),
    "layers": ("The head's layers.", ""),
}

MODIFIERS: dict[str, Text] = {
    "name": (
        "What the layer is called. Names are the keys of weights, and what `from` and `outputs` speak of; unwritten, "
        "the word and its count (conv_bn3). Variables in it are replaced: p$l.",
        "name: stem",
    ),
    "from": (
        "What flows in, in place of the output of the layer above: a layer's name, a path (enc.0.skip), one tensor of "
        "a bundle (p4:1), or a list.",
        "from: [p3, p4]",
    ),
    "when": (
        "Whether the layer is there. It may look at channels and strides, never at height or width.",
        "when: $stride == 1 and $out == $in.channels",
    ),
    "repeat": ("How often the layer is repeated, one behind the other. $index counts from 0.", "repeat: $depth"),
    "each": (
        "Lists that are walked together, one instance of the layer for each step; or a table with columns and rows. "
        "$index counts from 0.",
        "each: {depth: $depths, width: [64, 128, 256, 512]}",
    ),
    "join": ("How branches come together again; `none` leaves them a bundle.", "join: concat"),
    "own": ("Inside `map`: whether the layer has weights of its own for each tensor.", "own: true"),
    "was": (
        "The name that this layer had, or names: weights stored under it are still found.",
        "was: conv1",
    ),
}

STRUCTURE: dict[str, Text] = {
    "layers": (
        "A group: layers under a name of their own, repeated or left out together.",
        "- layers:\n    - linear: 4096\n    - relu\n  repeat: 2\n  name: fc",
    ),
    "branches": (
        "A fork: every branch takes what flows in, and `join` says how they come together. An empty list is the "
        "input itself.",
        "- branches:\n    - [conv_act: 64]\n    - [conv_act: 96, conv_act: {out: 128, kernel: 3}]\n  join: concat",
    ),
    "residual": (
        "Layers whose output is added to their input. The shortcut is the input itself, unless it says otherwise.",
        "- residual:\n    body:\n      - conv_bn: {out: $width, kernel: 3}\n"
        "      - conv_bn: {out: $width, kernel: 3, act: none}\n    shortcut: project",
    ),
    "act": (
        "An activation by its name, which a variable may hold; `none` is no layer.",
        "- act: relu\n- act: {leaky_relu: {slope: 0.1}}",
    ),
    "share": ("A named part again, on another input, with the same weights.", "- share: encoder\n  from: right"),
    "map": (
        "The same layers, with the same weights, on every tensor of a bundle.",
        "- map:\n    - conv: {out: 256, kernel: 3, padding: same}\n    - relu\n  from: [p3, p4, p5]",
    ),
}

RESIDUAL: dict[str, Text] = {
    "body": ("The layers whose output is added to their input.", ""),
    "shortcut": ("What the body's output is added to.", "shortcut: project"),
}

SHORTCUTS: dict[str, str] = {
    "identity": "The input itself: the body must keep the shape.",
    "project": "Where channels or stride differ, a 1×1 convolution with the body's stride, and batch norm.",
    "when_same": "The input where the shape is kept; elsewhere nothing is added.",
}

TABLE: dict[str, Text] = {
    "columns": ("The variables that a row gives values to.", "columns: [expand, out, kernel]"),
    "rows": ("A list for each instance, as in the paper's table.", "rows:\n  - [1, 16, 3]\n  - [6, 24, 5]"),
    "as": ("One variable that holds the whole row: $row.out.", "as: row"),
}

ARGUMENTS: dict[str, str] = {
    "alpha elu": "How far below zero it goes.",
    "alpha lrn": "Weight of the sum of squares, which is divided by `size`.",
    "affine": "Whether a learned scale and shift follow, one of each for a channel.",
    "align_corners": "Whether the corner cells of input and output lie on one another.",
    "approximate": "Whether the function itself is computed, or its approximation by tanh.",
    "at": "The value up to which the output is replaced.",
    "beta lrn": "Power of what every value is divided by.",
    "beta softplus": "How sharp the bend at zero is.",
    "bias": "Whether a bias is added to every output channel.",
    "block": "Side of the squares of cells that move into channels.",
    "ceil": "Whether output sizes are rounded up instead of down.",
    "channels": "Channels: from the first number on, up to the second.",
    "channels pad": "Channels of zeros before the first and behind the last.",
    "count_padding": "Whether the mean counts the cells of the padding as zeros.",
    "crop": "`center` cuts larger maps to the smallest; `none` refuses them.",
    "dilation": "Steps between the taps of a kernel along each axis; 1 leaves no gaps.",
    "eps": "ε: keeps a division from zero.",
    "factor": "What every element is multiplied with.",
    "frozen": "Whether statistics, scale and shift stay as they are in training.",
    "groups": "Groups of channels, each with filters of its own.",
    "groups channel_shuffle": "Groups that the channels are dealt from.",
    "groups group_norm": "Groups of channels that are normalised together.",
    "init": "How weights begin: a word, or a distribution with its one number, as {normal: 0.01}.",
    "k": "What the sum of squares is added to.",
    "keep": "Whether the spatial axes stay, with size 1.",
    "kernel filter": "The numbers: a list of rows, or one level deeper such a list for each channel.",
    "kernel": "Cells that a window covers along each axis: one number, or one an axis.",
    "mode": "How the cells in between are made.",
    "mode pad": "What the cells hold: zeros, the image mirrored, or its border repeated.",
    "momentum": "Share of the new batch in the running statistics.",
    "multiplier": "Filters for each input channel.",
    "normalize": "What keeps the weights positive.",
    "of": "The layers that are taken, by name, in place of what flows in.",
    "offset": "First cell that is kept along each axis.",
    "out": "Channels of the output.",
    "out linear": "Features of the output.",
    "output_padding": "Cells added after the last along each axis.",
    "p": "Probability of being dropped.",
    "padding": "Cells added around the input: a number, one an axis, [before, after] an axis, or a word.",
    "padding conv_transpose": "Cells cut from the output: a number, one an axis, [before, after] an axis, or a word.",
    "parts": "How many equal parts, or a list with the channels of each.",
    "pieces": "Channels of which the largest is taken.",
    "regions": "The boxes, R×4, by name: x1, y1, x2, y2 in pixels of the input.",
    "sampling": "Points along each side of a bin.",
    "aligned": "Whether the centre of cell i is at i + ½, or at i.",
    "scale filter": "What every number of the kernel is multiplied with.",
    "scale": "How many times larger each axis becomes.",
    "shape": "Sizes of the output; one may be -1 and takes what is left.",
    "shared": "Whether all channels share one slope.",
    "size": "Cells of the output along each axis: one number, or one an axis.",
    "size pad": "Cells added: one number for every side, one an axis, or [before, after] an axis.",
    "size lrn": "Neighbouring channels that are summed over.",
    "slope": "Factor of what is below zero.",
    "stride": "Cells from one window to the next along each axis: one number, or one an axis.",
    "stride roi_align": "Pixels of the input to a cell of the features.",
    "stride roi_pool": "Pixels of the input to a cell of the features.",
    "to": "A layer, by name, whose height and width the output takes.",
    "value": "What stands in its place.",
}
"""What an argument is: in the reference, and in editors where the operator's docstring has no sentence on it;
`name word` is for one operator alone."""

RUN: dict[str, str] = {
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
    "every": "Epochs between two changes.",
    "factor": "What the learning rate is multiplied with.",
    "weights": "Trained weights to begin from: a run directory or a file.",
    "replace": "Layers that begin anew, by patterns of their names: [linear1].",
    "path": "A run directory or a file of weights, relative to this file.",
    "map": "Whose names the file has: identity, torchvision, timm, or a key map.",
    "which": "Which weights of a run directory.",
    "loss": "What training makes small.",
    "warmup": "How the learning rate rises before the schedule begins.",
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
    "decay_norm_and_bias": "Whether weight decay concerns biases, and scales and shifts of norms, too.",
    "betas": "How slowly the means of the gradient and of its square forget.",
    "eps": "What is added where steps are divided.",
    "amsgrad": "Whether the largest second moment so far divides.",
    "dampening": "Share of each gradient that momentum leaves out.",
    "alpha": "How slowly the mean of the squared gradient forgets.",
    "centered": "Whether the mean gradient is subtracted first.",
    "lr_decay": "How fast the rate falls besides, step by step.",
    "initial": "What the sum of squares begins with.",
    "cycles": "How often the cosine is gone through.",
    "at": "The epochs after which the rate falls.",
    "decay": "How fast the rate falls.",
    "by": "Whether epochs or steps are counted.",
    "power": "The shape of the fall; 1 is a straight line.",
    "rise": "Share of the run in which the rate rises.",
    "start": "The first learning rate, as a share of the highest.",
    "steps": "For how many steps.",
    "layers": "Patterns of the layers' names.",
    "distribution": "Normal or uniform.",
    "std": "Standard deviation.",
    "value": "The number.",
}
"""The keys of a run file."""

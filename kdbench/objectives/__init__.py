"""Distillation objectives: one small file each, holding one pure function

``loss(prediction, labels, knowledge, **options) -> scalar``

with ``prediction`` a learner's Prediction, ``labels`` int64 [B] and ``knowledge`` the Prediction of the one it
listens to (None for objectives on labels alone). A term of a run's objective names its file. Where the term names
layers, both predictions have ``features``, a tensor for each pair of layers.

A loss whose comparison has weights of its own, trained beside the learner, has a class beside it,

``Adapter(nn.Module)`` with ``__init__(self, *, student, knowledge, images, classes, **options)``

of which the classroom makes one for each learner and each it listens to, and gives it to the loss as ``adapter``:
``student`` and ``knowledge`` are the shapes of their features, without the batch; ``images`` and ``classes`` how many
there are. Files in a folder ``objectives`` where the study is run are found as those in here.
"""

from pathlib import Path

if Path("objectives").is_dir():
    __path__.append(str(Path("objectives").absolute()))

"""Distillation objectives: one small file each, holding one pure function

``loss(prediction, labels, knowledge, **options) -> scalar``

with ``prediction`` a learner's Prediction, ``labels`` int64 [B] and ``knowledge`` the Prediction of the one it
listens to (None for objectives on labels alone). A term of a run's objective names its file.
"""

"""How finished networks answer together: one small file each, holding one function

``fuse(members, training, images, device, **options) -> scores``

with ``members`` the finished Pupils, ``training`` the packed training images, ``images`` uint8 [N, C, H, W] to answer
for, and ``scores`` [N, classes] log-probabilities.
"""

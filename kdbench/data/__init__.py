"""The data stage: from a named source of images to packed tensors that every later step reads.

``catalogue`` names the sources, ``load`` reads one, ``prepare`` packs it, ``store`` reads and writes the packed
files, ``split`` holds out validation images. This file and ``catalogue`` import nothing heavy.
"""

"""Small CLIP, DINO and SAM that know the general world only, and the world that they learnt from.

`world` draws it (coloured and textured shapes, dead leaves, fractal landscapes, mosaics, with exact
segments and everyday words); `clip`, `dino` and `sam` train on it; `store` finds the weights that
ship with the package. Nothing here knows a mineral or an ore texture: that ignorance is what
fine-tuning on minerals cures later.
"""

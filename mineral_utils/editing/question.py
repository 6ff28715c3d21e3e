"""A question to an encoded photo, and how sure the answer is."""

from __future__ import annotations

from collections.abc import Sequence

from ..confidence import load_calibration, model_hash, with_unknown
from ..segmentation import Segmentation
from ..segmenter import Scene
from .display import one_thread


@one_thread()
def answer(scene: Scene, names: Sequence[str], *, free_text: bool = False) -> Segmentation:
    """Ask for minerals, and weigh the answer where that was calibrated for this model.

    Parameters
    ----------
    scene : the photo, encoded
    names : minerals
    free_text : take words that the vocabulary lacks as they are

    Returns
    -------
    Segmentation
        All pixels known; with ``confidence`` if the shipped calibration is of this model, without
        it otherwise (`display.sureness` then takes the probability of the best name).

    Raises
    ------
    ValueError
        No names, an unknown one, or one twice.
    """
    result = scene.segment(list(names), open_vocabulary=free_text)
    calibration = load_calibration()
    if model_hash(scene.model) != calibration.model:
        return result
    return with_unknown(scene, result, 0.0, calibration=calibration)

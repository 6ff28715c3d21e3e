"""Recipes: the paper's, the others, and what is said when one cannot be."""

from __future__ import annotations

import pytest

from mineral_utils.encoders import TEMPLATES
from mineral_utils.recipes import Recipe, load_recipe, recipes


def test_the_default_is_the_paper():
    paper = load_recipe()
    assert paper.name == "one-hot"
    assert (paper.batch, paper.epochs, paper.targets, paper.dense) == (32, 10, "pair", "none")
    assert (paper.view, paper.side, paper.prompts) == ("whole", 224, "imagenet80")
    assert paper.rate / 25 == pytest.approx(1e-6)  # torch's schedule begins at the 25th part
    assert paper.learn_temperature and paper.towers == ("image", "text")


def test_both_readings_of_rate_and_epochs_are_there():
    assert load_recipe("one-hot-low").rate == 1e-6
    assert load_recipe("one-hot-5").epochs == 5


@pytest.mark.parametrize("name", [*recipes()])
def test_shipped_recipes_are_whole(name):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.note
    assert recipe.prompts in TEMPLATES


def test_single_values_change():
    recipe = load_recipe("one-hot", batch=64, towers=["image"])
    assert recipe.batch == 64 and recipe.towers == ("image",)
    assert load_recipe(recipe, seed=3) == recipe.replace(seed=3)
    assert load_recipe("one-hot", towers="image").towers == ("image",)
    assert load_recipe("one-hot", clip_norm=float("inf")).clip_norm > 1  # nothing is shortened


def test_a_file_starts_from_a_shipped_recipe(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: dense-small\nepochs: 2\n")
    assert load_recipe(path) == load_recipe("dense-small").replace(name="mine", epochs=2)
    assert load_recipe(str(path), epochs=4).epochs == 4
    path.write_text("batch: 8\n")
    assert load_recipe(path) == Recipe(name="mine", batch=8, note="the paper's recipe")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bacth": 8}, "did you mean batch"),
        ({"targets": "sets"}, "targets is 'sets'; write pair or set"),
        ({"dense": "box"}, "write none, set or mask"),
        ({"view": "crop"}, "write whole or window"),
        ({"epochs": 0}, "epochs is 0; write 1 or more"),
        ({"zoom": 0.5}, "zoom is 0.5; write 1.0 or more"),
        ({"rate": 0.0}, "must lie between 0 and 1"),
        ({"rate": "1e-6"}, "rate is '1e-6', which is no number; write it as 0.003 or 1.0e-6"),
        ({"warm": 1.0}, "must lie between 0 and 1"),
        ({"contrast": 0}, "teaches nothing: contrast is 0"),
        ({"batch": 1}, "teaches nothing: a batch of 1"),
        ({"dropout": 0.1, "micro": 8}, "set one of them to 0"),
        ({"epochs": 2.5}, "epochs is 2.5; write a whole number, 1 or more"),
        ({"batch": 8.0}, "write a whole number"),
        ({"side": 224.0}, "write a whole number, 16 or more"),
        ({"micro": 1.5}, "write a whole number, 0 or more"),
        ({"rank": True}, "rank is True, which is no number"),
        ({"alpha": "many"}, "alpha is 'many', which is no number"),
        ({"decay": -0.1}, "decay is -0.1; write 0.0 or more"),
        ({"light": -0.1}, "light is -0.1; write 0.0 or more"),
        ({"light": float("nan")}, "light is nan; write 0.0 or more"),
        ({"zoom": float("inf")}, "zoom is inf; write 1.0 or more"),
        ({"contrast": -1.0}, "contrast is -1.0; write 0.0 or more"),
        ({"balance": -1.0}, "balance is -1.0; write 0.0 or more"),
        ({"clip_norm": 0}, "clip_norm is 0; write a length above 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0; write a length above 0"),
        ({"contrast": 0, "dense": "set", "dense_weight": 0}, "dense_weight 0; give one of the two"),
        ({"precision": "fp16"}, "precision is 'fp16'; write float32, bfloat16 or float16"),
        ({"learn_temperature": "nein"}, "learn_temperature is 'nein'; write true or false"),
        ({"towers": 5}, "towers is 5; write a list of names, such as [image, text]"),
        ({"parts": [["mlp"]]}, "write a list of names, such as [attention, mlp]"),
        ({"prompts": 5}, "prompts is 5; write the name of a set, such as mineral"),
        ({"ground": 5}, "ground is 5; write words, such as resin"),
        ({"learns": "some"}, "learns is 'some'; write all or class"),
        ({"learns": "class", "towers": "text"}, "towers are text; write dense: none and towers"),
        ({"learns": "class", "dense": "set"}, "but dense is 'set' and towers are image, text"),
    ],
)
def test_values_that_cannot_be_are_explained(changes, words):
    with pytest.raises(ValueError) as refused:
        load_recipe("one-hot", **changes)
    assert words in str(refused.value)


def test_unknown_names_and_files_are_explained(tmp_path):
    with pytest.raises(ValueError, match="no recipe 'one-hott'; there are dense-small, one-hot"):
        load_recipe("one-hott")
    with pytest.raises(ValueError, match="there is no file"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="5 is no recipe; give a name"):
        load_recipe(5)
    for text, words in (
        ("a: [", "is no YAML"),
        ("- 1", "holds no table"),
        ("bach: 2", "batch"),
        ("5: 2", "no '5'"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(ValueError, match=words):
            load_recipe(tmp_path / "bad.yaml")

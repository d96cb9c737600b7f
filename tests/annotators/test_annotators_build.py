"""An annotator of one's own is a function, a class, a TOML, a name in a module or a file; what is wrong with it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pasture.annotators import make_annotator
from pasture.annotators.runner import annotate
from pasture.cli.shared.material import named_annotator
from pasture.core.errors import InputError, UnknownName
from pasture.core.records import Comparison, Preference


def shorter(comparison: Comparison) -> bool:
    return len(comparison.left.text) < len(comparison.right.text)


class Stubborn:
    """Says `p` whatever it sees."""

    def __init__(self, p: float, name: str = "stubborn") -> None:
        self.p = p
        self.name = name

    async def annotate(self, item: Any, ask: Any, rng: Any) -> Preference:
        return Preference(item, self.p, self.name)


FILE = """
from pasture.core.records import Preference

def coin(comparison, rng, bias=0.5):
    return float(rng.random() < bias)

async def late(comparison, ask):
    return True

class Mine:
    name = "mine"
    async def annotate(self, item, ask, rng):
        return Preference(item, 0.25, self.name)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own_annotators.py"
    path.write_text(FILE)
    return path


def test_a_function_a_class_and_an_object_are_annotators(some_pairs):
    (pair,) = some_pairs(1)
    assert annotate([pair], make_annotator(shorter)).results[0] == Preference(
        pair, 0.0 if len(pair.left.text) > len(pair.right.text) else 1.0, "shorter"
    )
    assert annotate([pair], make_annotator(Stubborn, p=0.25)).results[0].p_left == 0.25
    made = Stubborn(0.75)
    assert make_annotator(made) is made
    with pytest.raises(InputError, match="the annotator 'stubborn' is made already and takes no options, and was given: p"):
        make_annotator(made, p=1)


def test_a_file_and_a_module_give_annotators_by_name(file, some_pairs, monkeypatch):
    coin = make_annotator(f"{file}:coin", bias=1.0)
    assert [each.p_left for each in annotate(some_pairs(3), coin).results] == [1.0] * 3
    assert annotate(some_pairs(1), make_annotator(f"{file}:late")).results[0].p_left == 1.0
    assert make_annotator(f"{file}:Mine").name == "mine"
    monkeypatch.chdir(file.parent)
    assert make_annotator("own_annotators:Mine").name == "mine"
    with pytest.raises(InputError, match=r"is a module; say which annotator in it, as in .*own_annotators.py:name"):
        make_annotator(str(file))
    with pytest.raises(InputError, match="has no 'Yours', named as the annotator; it has: Mine"):
        make_annotator(f"{file}:Yours")


def test_a_function_is_handed_the_world_and_options_it_names(fake_world, some_pairs):
    def closer(comparison: Comparison, world: Any, user: str = "gold") -> bool:
        left, right = world.utility([comparison.left, comparison.right], user)
        return bool(left > right)

    (pair,) = some_pairs(1)
    by_gold = annotate([pair], make_annotator(closer, world=fake_world)).results[0]
    by_bob = annotate([pair], make_annotator(closer, world=fake_world, user="bob", name="bob's")).results[0]
    assert by_gold.p_left == 1.0 - by_bob.p_left
    assert by_bob.annotator == "bob's"
    with pytest.raises(
        InputError, match="the annotator 'closer' knows a world's true utilities and no world was given; name one, as in --world"
    ):
        make_annotator(closer)
    with pytest.raises(InputError, match="the annotator function 'closer' has no option 'usr'; its options: user"):
        make_annotator(closer, world=fake_world, usr="bob")


def test_tomls_compose_and_find_their_neighbours(file, fake_world, tmp_path: Path, some_pairs):
    (tmp_path / "noisy.toml").write_text(
        'kind = "flip"\nrate = 0.25\nname = "noisy pool"\n[inner]\nuse = "mixture"\n'
        'members = ["pool", "own_annotators.py:coin", {use = "neighbour.toml", soft = true}]\n'
    )
    (tmp_path / "neighbour.toml").write_text('kind = "bradley-terry"\ntemperature = 2.0\n')
    made: Any = make_annotator(tmp_path / "noisy.toml", world=fake_world)
    assert made.name == "noisy pool"
    assert [member.name for member in made.inner.members] == ["pool", "coin", "bradley-terry"]
    assert made.inner.members[2].temperature == 2.0
    assert made.inner.members[2].soft
    assert len(annotate(some_pairs(10), made).preferences) == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no `kind`"),
        ("kind = 3", "has no `kind`"),
        ("kind = ", "cannot be read"),
        (
            'kind = "flip"\nrate = 0.1',
            r"in '.*a.toml': the annotator 'flip' needs the option 'inner'; give it with --set, or in a TOML",
        ),
        ('kind = "flip"\ninner = "longest"\nrat = 0.1', "the annotator 'flip' has no option 'rat'; its options: inner, rate, name"),
        (
            'kind = "flip"\nrate = 0.1\n[inner]\nkind = "longest"',
            "the `inner` of 'flip' is .*; it names an annotator, as in use = ",
        ),
        ('kind = "flip"\nrate = 0.1\ninner = "longst"', "no annotator is called 'longst'.*Did you mean 'longest'"),
        ('kind = "mixture"\nmembers = "longest"', "they are a list of annotators"),
        ('kind = "gold"', "no world was given"),
    ],
)
def test_a_bad_toml_is_explained(tmp_path: Path, text: str, message: str):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        make_annotator(str(tmp_path / "a.toml"))


def test_what_is_no_annotator_is_said(tmp_path: Path):
    class NoName:
        async def annotate(self, item: Any, ask: Any, rng: Any) -> Any: ...

    class NotAsync:
        name = "x"

        def annotate(self, item: Any, ask: Any, rng: Any) -> Any: ...

    with pytest.raises(InputError, match="whose options are not known"):
        make_annotator(dict)
    for each in (NoName, NotAsync):
        with pytest.raises(InputError, match="which is not an annotator: it has a `name`"):
            make_annotator(each)
    with pytest.raises(InputError, match="is a int; an annotator is a function"):
        make_annotator(3)
    with pytest.raises(InputError, match="takes nothing; its first parameter is the comparison"):
        make_annotator(lambda: True)
    with pytest.raises(InputError, match="needs 'threshold', which nothing gives"):
        make_annotator(lambda comparison, threshold: True)
    with pytest.raises(InputError, match=r"no file '.*none.toml'; give an annotator file"):
        make_annotator(str(tmp_path / "none.toml"))
    with pytest.raises(UnknownName, match="no annotator is called 'longst'"):
        make_annotator("longst")


def test_members_that_are_names_are_left_as_names():
    pool: Any = make_annotator("alpacafarm", members=["small-1"])
    assert [each.name for each in pool.pool.members] == ["small-1"]


def test_an_annotator_made_of_itself_is_refused(tmp_path: Path):
    path = tmp_path / "round.toml"
    path.write_text('kind = "flip"\nrate = 0.1\ninner = "round.toml"', encoding="utf-8")
    with pytest.raises(InputError, match="made of itself without end"):
        make_annotator(path)


def test_the_items_of_the_work_are_given_to_who_asks_for_them(some_pairs):
    items = some_pairs(9)
    rationed = make_annotator("rationed", items=items, inner="longest", labels=4, among="items")
    assert annotate(items, rationed).reasons == {"over budget": 5}
    nested = make_annotator("swap", items=items, inner={"use": "rationed", "inner": "longest", "labels": 4, "among": "items"})
    assert annotate(items, nested).reasons == {"over budget": 5}
    with pytest.raises(InputError, match="is to know the items of the work"):
        make_annotator("rationed", inner="longest", labels=4, among="items")


def test_a_file_that_a_toml_names_is_seen_from_the_toml(tmp_path: Path, some_pairs):
    (tmp_path / "rules.txt").write_text("Be brief.\n", encoding="utf-8")
    (tmp_path / "own.toml").write_text('kind = "icai"\nconstitution = "rules.txt"\n', encoding="utf-8")
    made: Any = make_annotator(str(tmp_path / "own.toml"))
    assert made.constitution == ("Be brief.",)
    with pytest.raises(InputError, match=r"gone\.txt"):
        make_annotator("icai", constitution="gone.txt")


@pytest.mark.parametrize("option", ["world", "items"])
def test_what_is_of_the_work_is_no_option_of_an_annotator(tmp_path: Path, option: str):
    (tmp_path / "j.toml").write_text(f'kind = "judge"\n{option} = 1\n')
    with pytest.raises(InputError, match=f"{option!r} is not an option of the annotator 'judge'"):
        make_annotator(tmp_path / "j.toml")
    with pytest.raises(InputError, match=f"{option!r} is not an option of the annotator 'flip'"):
        named_annotator("flip", None, [f"{option}=1"], False, 0.0)


def test_an_option_may_be_called_spec(tmp_path: Path):
    with pytest.raises(InputError, match="has no option 'spec'"):
        make_annotator("judge", spec=1)

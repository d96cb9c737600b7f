"""Which honest answers are attacked, and against which rivals: a world's, a file of pairs, or models' outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.errors import InputError
from ...core.files.preferences import read_outputs, read_pairs
from ...core.files.tables import stem_of
from ...core.protocols import World
from ...core.records import Comparison, Completion
from .gaming import world_material


def read_models(paths: Sequence[Path]) -> dict[str, list[Completion]]:
    """Answers by model, which the file names (generators' names are often left as they came). A folder is a leaderboard's. Raises
    InputError for a folder without outputs, and for a model that is given twice."""
    files: dict[str, Path] = {}
    for path in paths:
        found = sorted(path.glob("outputs/*.json*")) or sorted(path.glob("*.json*")) if path.is_dir() else [path]
        if not found:
            raise InputError(f"the folder {str(path)!r} holds no model outputs; expected MODEL.json(.gz), in it or in outputs/")
        for each in found:
            if stem_of(each) in files:
                raise InputError(f"{str(files[stem_of(each)])!r} and {str(each)!r} name one model; give each model's outputs once")
            files[stem_of(each)] = each
    return {maker: [replace(it, model=maker) for it in read_outputs(path)] for maker, path in files.items()}


def attack_material(
    pairs: Path | None, models: Mapping[str, Sequence[Completion]] | None, world: World | None, limit: int | None
) -> tuple[list[Comparison], str]:
    """(honest answer left and rival right, whose they are). models: those that are not constant, of which the first two count; of
    one alone, its own answers are the rivals too. Given nothing, the world's."""
    if pairs:
        return read_pairs(pairs)[:limit], str(pairs)
    if models is None:
        assert world is not None
        return world_material(world, limit), f"the world {world.name!r}"
    if not models:
        return [], "no model that is not constant"
    (maker, honest), (rival, rivals) = (*models.items(), *models.items())[:2]
    by_id = {each.prompt.id: each for each in rivals}
    shared = [Comparison(each, by_id[each.prompt.id]) for each in honest if each.prompt.id in by_id]
    return shared[:limit], f"{maker} against {rival}"

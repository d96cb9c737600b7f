"""`pasture personas sample|show|export`: imagined adults from census tables and stated assumptions."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ...core.errors import InputError, UnknownName
from ...core.files.tables import check_writable
from ...core.ledger import Quote
from ...simulators.personas.files import read_personas, write_personas
from ...simulators.personas.parameters import load_parameters
from ...simulators.personas.persona import Persona
from ...simulators.personas.population import Sampler, demographics_of, filtered, population
from ...simulators.personas.words import render
from ..shared.commands import with_options
from ..shared.console import plain, print_json, show_price, show_rows
from ..shared.material import items_from, named_world
from ..shared.options import Json, Seed
from ..shared.session import Asking

personas = typer.Typer(
    no_args_is_help=True, help="Imagined adults, from US census tables and stated assumptions.", rich_markup_mode=None
)

SHOWN = ("sex", "age_band", "race", "education", "marital_status", "ideology", "religion")
Style = StrEnum("Style", {"full": "full", "summary": "summary"})
Side = StrEnum("Side", {"seen": "seen", "unseen": "unseen"})
N = Annotated[int, Option("--n", min=1, help="How many. Persona k is the same however many are drawn.")]
Population = Annotated[int, Option("--seed", help="Another seed, another population.")]
Edited = Annotated[Path | None, Option("--parameters", help="Assumptions: an edited copy of parameters.toml.")]
STORE = Path("personas.pasture.sqlite")


@dataclass(frozen=True)
class Revising(Asking):
    """As `Asking`, of an engine that does all of it."""

    engine: Annotated[str, Option(help="The engine that critiques, revises and judges.")] = "actor"


@personas.command("sample")
@with_options
def sample(
    asking: Asking,
    n: N = 100,
    seed: Population = 0,
    parameters: Edited = None,
    out: Annotated[Path | None, Option(help="Write them there too: .jsonl, .json, .csv or .parquet.")] = None,
) -> None:
    """Draw a population, and describe it. With --json, the personas themselves. With --engine, a language model says whether
    each holds together, and the traits of those it rejects are drawn again."""
    if out:
        check_writable(out)
    assumed = load_parameters(parameters) if parameters else None
    drawn = population(n, seed, assumed)
    name, task = "persona-filter", lambda ask: filtered(drawn, ask, parameters=assumed)
    with asking.session(asking.named_engine(), STORE, seed) as session:
        if asking.dry_run:
            show_price(session.price_task(name, task) if session.engine else Quote(0), asking.json)
            return
        said = session.run_task(name, task) if session.engine else None
    drawn = said.population if said else drawn
    if out:
        write_personas(out, drawn.personas)
    if asking.json:
        print_json([each.to_dict() for each in drawn.personas])
        return
    for attribute in SHOWN:
        typer.echo(plain(f"{attribute.replace('_', ' ')}:"))
        for answer, count in demographics_of(drawn.personas, attribute).items():
            typer.echo(plain(f"  {count / n:7.1%}  {count:>5}  {answer}"))
    again = ", ".join(f"{count} for {rule!r}" for rule, count in drawn.redrawn.items())
    typer.echo(plain(f"{n} personas of seed {seed}; traits drawn again to be consistent: {again or 'none'}"))
    if said:
        kept = f"{len(said.contradictory)} rejected in every round and kept"
        typer.echo(f"{said.rejected} draws rejected by the model, {kept}, {said.abstentions} without a verdict")
    if out:
        typer.echo(plain(f"written to {out}"))


@personas.command("show")
def show(
    which: Annotated[str, Argument(help="An id such as persona-0-17, or a number, counted from 0.")],
    seed: Annotated[
        int | None, Option(help="Seed of the population that a number refers to; an id has its own. [default: 0]")
    ] = None,
    style: Annotated[Style, Option(help="full is one attribute a line.")] = Style.full,
    without: Annotated[list[str] | None, Option(help="An attribute to leave out; repeat it.")] = None,
    file: Annotated[Path | None, Option("--file", help="Look there instead, in a file of `sample` or `export`.")] = None,
    parameters: Edited = None,
    json: Json = False,
) -> None:
    """One persona, in the words that a judge would be shown."""
    found = _in_file(which, file, seed, parameters) if file else _drawn(which, seed, parameters)
    text = render(found, style.value, without or ())
    if json:
        print_json(found.to_dict() | {"rendered": text})
        return
    typer.echo(plain(f"{found.id}\n{text}"))


@personas.command("export")
def export(
    out: Annotated[Path, Argument(help="File to write: .jsonl, .json, .csv or .parquet.")],
    n: N = 1586,
    seed: Population = 0,
    unseen: Annotated[float, Option(help="Share of personas on the unseen side of the split.")] = 0.1,
    side: Annotated[Side | None, Option(help="Only this side of the split. [default: both]")] = None,
    parameters: Edited = None,
    json: Json = False,
) -> None:
    """Write personas, each also in words, as the columns `persona` and `summary`."""
    check_writable(out)
    drawn = population(n, seed, load_parameters(parameters) if parameters else None)
    if side is not None:
        seen, held_out = drawn.split(unseen)
        drawn = seen if side is Side.seen else held_out
    write_personas(out, drawn.personas, words=True)
    if json:
        print_json({"file": str(out), "personas": len(drawn), "seed": seed, "side": side.value if side else "both"})
        return
    typer.echo(plain(f"{len(drawn)} personas of seed {seed} written to {out}"))


def _drawn(which: str, seed: int | None, parameters: Path | None) -> Persona:
    assumed = load_parameters(parameters) if parameters else None
    named = re.fullmatch(r"(?:persona-(-?[0-9]{1,18})-)?([0-9]{1,18})", which)
    if not named:
        raise InputError(f"no persona is called {which!r}; give an id such as persona-0-17, or a number such as 17")
    own = None if named[1] is None else int(named[1])
    if own is not None and seed is not None and own != seed:
        raise InputError(f"{which!r} is of seed {own}, and --seed is {seed}; leave --seed out, or give the number alone")
    return Sampler((own if own is not None else seed) or 0, assumed).draw(int(named[2]))[0]


def _in_file(which: str, file: Path, seed: int | None, parameters: Path | None) -> Persona:
    if seed is not None or parameters is not None:
        raise InputError("with --file the personas are made already; leave --seed and --parameters out")
    found = read_personas(file)
    by_id = {each.id: each for each in found}
    if which in by_id:
        return by_id[which]
    if which.isdecimal() and len(which) < 10 and int(which) < len(found):
        return found[int(which)]
    raise UnknownName("persona", which, list(by_id)[:20], f"The file has {len(found)}, and numbers count from 0.")


@personas.command("bench")
@with_options
def bench(
    asking: Revising,
    world: Annotated[
        str | None, Option(help="Gives the prompts and first answers, and knows the truth. [default: text-personas]")
    ] = None,
    answers: Annotated[Path | None, Option(help="First answers instead: one model's outputs.")] = None,
    n: Annotated[int, Option("--personas", min=2, help="How many personas.")] = 13,
    samples: Annotated[int, Option(min=1, help="Revisions of each answer; pass@k for k = 1 and this.")] = 4,
    style: Annotated[str, Option(help="How a persona is described to the judge: none, full, summary or cot.")] = "full",
    without: Annotated[list[str] | None, Option(help="An attribute to leave out; repeat it. [default: five]")] = None,
    limit: Annotated[int, Option(min=5, help="How many prompts.")] = 100,
    seed: Seed = 0,
) -> None:
    """Critique, revise for a person, and judge: does it help them, and them more than others?"""
    from ...benchmarks.claims.persona_bench import ATTRIBUTES, persona_bench  # slow to import

    if answers and world:
        raise InputError("both --world and --answers were given; give the one whose answers are to be revised")
    known = None if answers else named_world(world or "text-personas", seed)
    items = items_from(None, None, [answers] if answers else (), known, "answer", limit, seed)
    drawn = {"personas": n, "samples": samples, "style": style, "attributes": tuple(without or ATTRIBUTES), "world": known}
    with asking.session(asking.named_engine(), STORE, seed) as session:
        found = persona_bench(items, session, **drawn)  # pyright: ignore[reportArgumentType]
    if asking.dry_run:
        show_price(session.quote, asking.json)
        return
    counts = {"answers": len(items), "revisions": found.revisions, "abstentions": found.abstentions}
    show_rows(found.rows, asking.json, facts=counts)

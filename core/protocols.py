"""What the rooms ask of one another. A method sees a `Policy` and a `FeedbackSource`, and nothing else.

Shapes ride on names: _N completions, _T tokens. Arrays of policies and value models are torch tensors; this file imports no torch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from .records import Abstention, Comparison, Completion, Feedback, Item, Preference, Prompt
from .requests import Reply, Request

if TYPE_CHECKING:
    import torch

Rng = np.random.Generator
Ask = Callable[[Request], Awaitable[Reply]]
"""The engine behind the runner. Raises `EngineError` where the engine gave up; an annotator may let it pass, and the
runner makes it an Abstention."""


@runtime_checkable
class Annotator(Protocol):
    """What can be asked for feedback. `rng` is keyed on the run's seed, the annotator's name and the item (unordered, for a pair),
    so a random annotator draws from it alone. `name` is part of the result and of the seed. An answer that cannot be read is an
    Abstention."""

    @property
    def name(self) -> str: ...

    async def annotate(self, item: Item, ask: Ask, rng: np.random.Generator) -> Feedback | Abstention: ...


class Unread(Exception):
    """A reply that an annotator's step needs could not be read; `because` is the abstention that ends the item."""

    def __init__(self, because: Abstention) -> None:
        super().__init__(because.detail)
        self.because = because


class Engine(Protocol):
    """Text generation in batches.

    `name` identifies the model and its revision: it is part of every store key. `prices` are dollars per million
    prompt and completion tokens; an engine of several models may have `prices_by_model`, the same by `Request.model`.
    `generate` yields (index of the request, reply or failure) as each is done, every
    index exactly once, so that the runner can store finished work at once."""

    @property
    def name(self) -> str: ...

    @property
    def prices(self) -> tuple[float, float]: ...

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply | Exception]]: ...


class TokenScores(NamedTuple):
    """Per-token quantities of N completions padded to T tokens. Padding is 0 in `logprobs` and `entropies`, False in `mask`."""

    logprobs_NT: torch.Tensor
    """Natural log-probability of each sampled token, end-of-sequence included; differentiable."""
    entropies_NT: torch.Tensor
    """Entropy in nats of the distribution that each token was drawn from; differentiable."""
    mask_NT: torch.Tensor
    """True where there is a token."""

    def sequence_logprobs(self) -> torch.Tensor:
        """Log-probability of each whole completion, in nats, shape [N]."""
        return self.logprobs_NT.sum(dim=1)


class ValueModel(Protocol):
    """A scalar head over states: a reward model reads its last state, a critic the ones before. A completion of T tokens has T + 1
    states: before each token, and after the last."""

    def state_values(self, completions: Sequence[Completion]) -> tuple[torch.Tensor, torch.Tensor]:
        """(values [N, T + 1], mask [N, T + 1]); values of padding are 0. A critic's value of token t's state is values[:, t]."""
        ...

    def scores(self, completions: Sequence[Completion]) -> torch.Tensor:
        """The value after the last token, shape [N]: a reward model's score."""
        ...

    def parameters(self) -> Iterable[torch.nn.Parameter]: ...

    def copy(self) -> ValueModel:
        """An independent copy, trainable."""
        ...

    def save(self, folder: Path) -> None: ...


class Policy(Protocol):
    """What a method trains: a tabular policy of the exact world or a causal language model, through one door. `controls` is how
    many control codes the policy knows besides "none" (reward conditioning and Quark train on them)."""

    @property
    def controls(self) -> int: ...

    def sample(self, prompts: Sequence[Prompt], n: int, rng: Rng, temperature: float = 1.0) -> list[list[Completion]]:
        """n answers to each prompt, with `tokens` set; a temperature of 0 is greedy. Gradients are off."""
        ...

    def token_scores(self, completions: Sequence[Completion]) -> TokenScores:
        """Scores of given completions at temperature 1. Completions without `tokens` are tokenised."""
        ...

    def kl(self, reference: Policy, completions: Sequence[Completion]) -> float:
        """KL(self || reference) in nats per answer, mean over prompts: exact where it is closed-form, else estimated from
        `completions`, which must be samples of this policy at temperature 1."""
        ...

    def with_control(self, code: int | None) -> Policy:
        """The same parameters (shared, not copied) seen under control code 0 <= code < controls; None is without one."""
        ...

    def parameters(self) -> Iterable[torch.nn.Parameter]: ...

    def copy(self) -> Policy:
        """An independent copy. Train the copy; keep the original as the reference."""
        ...

    def value_model(self, rng: np.random.Generator) -> ValueModel:
        """A fresh value model of this policy's architecture, started from its weights, its head at zero."""
        ...

    def save(self, folder: Path) -> None: ...


class FeedbackSource(Protocol):
    """What a method may learn from, metered so that methods are compared on equal budgets of labels."""

    @property
    def prompts(self) -> Sequence[Prompt]:
        """Unlabelled prompts to sample answers to."""
        ...

    @property
    def demonstrations(self) -> Sequence[Completion]:
        """Answers to imitate."""
        ...

    @property
    def labels_left(self) -> int: ...

    def dataset(self) -> Sequence[Preference]:
        """The offline preferences, bought on the first call. Abstentions are counted by the source and not returned;
        ties are returned."""
        ...

    def ask(self, items: Sequence[Item]) -> list[Feedback | Abstention]:
        """Buys one label per item, in order. Raises BudgetExceeded, having bought nothing, where `labels_left` is too few."""
        ...


class TrainingLog(Protocol):
    """Where a method reports its progress. Every method logs these four where they are known, and may add its own."""

    def __call__(
        self, step: int, *, reward: float | None, kl: float | None, length: float | None, entropy: float | None, **extra: float
    ) -> None: ...


class Method(Protocol):
    """A method is a module (or any object) with a `Config` and a `train`. `train` returns a new policy and leaves the
    given one, which is also the reference, as it was."""

    Config: type[Any]

    def train(self, policy: Policy, feedback: FeedbackSource, config: Any, *, rng: Rng, log: TrainingLog) -> Policy: ...


class Truth(NamedTuple):
    """What a world knows of a policy, by evaluation prompt."""

    values_P: np.ndarray
    """Expected gold utility, in nats."""
    win_rates_P: np.ndarray
    """Probability of beating the prompt's rival under a gold Bradley-Terry chooser, sigmoid(u - u_rival), in expectation."""


class Fault(NamedTuple):
    """What is wrong with an answer, in a user's eyes, and where."""

    aspect: str
    """One of the world's aspects."""
    loss: float
    """Nats of utility that mending this alone would gain, > 0."""
    start: int
    end: int
    """Characters [start, end) of the answer; start == end where something is missing."""
    text: str
    """What a critic says of it."""
    wish: str
    """The same as a rule in words."""


class World(Protocol):
    """A simulated setting with a known truth: prompts, users with latent utility, a starting policy and fixed rival answers."""

    @property
    def name(self) -> str: ...

    def prompts(self, split: str) -> Sequence[Prompt]:
        """Splits, disjoint: `sft`, `preference`, `unlabeled`, `eval`."""
        ...

    def demonstrations(self) -> Sequence[Completion]:
        """Answers to the `sft` prompts, of mixed but better than average quality."""
        ...

    def base_policy(self, seed: int, *, on_progress: Callable[[int, int, float], None] | None = None) -> Policy:
        """The pre-trained policy that everything starts from (cached on disk where it costs time). `on_progress` is told of
        (step, steps, loss) where something is trained."""
        ...

    def rivals(self, prompts: Sequence[Prompt]) -> Sequence[Completion]:
        """One fixed answer to each prompt, the opponent of every win rate; the same for all methods and seeds."""
        ...

    def utility(self, completions: Sequence[Completion], user: str = "gold") -> np.ndarray:
        """Latent utility in nats of each answer to one user, shape [N]; `gold` is the population's true mean.
        A Bradley-Terry chooser at temperature 1 prefers a to b with probability sigmoid(u_a - u_b)."""
        ...

    def advantage(self, comparison: Comparison, user: str = "gold") -> float:
        """Log-odds in nats with which a user at temperature 1 prefers left to right: the difference of utilities, and whatever
        part of the preference no utility explains (a cycle)."""
        ...

    def truth(self, policy: Policy, answers: Sequence[Sequence[Completion]]) -> Truth:
        """Gold value and gold win rate of a policy on the prompts of `answers` (its samples, one row per prompt, in this order):
        closed-form where the world is exact, else from the answers. NaN where the world has no gold."""
        ...

    @property
    def users(self) -> Sequence[str]:
        """Names of the population's users, `gold` not among them."""
        ...

    @property
    def aspects(self) -> Sequence[str]:
        """Names of the A features of an answer that utility is linear in."""
        ...

    def features(self, completions: Sequence[Completion]) -> np.ndarray:
        """[N, A]: how much of each aspect an answer has. `utility` is `features @ weights`."""
        ...

    def weights(self, user: str = "gold") -> np.ndarray:
        """[A]: nats a unit of each aspect to a user."""
        ...

    def seen(self, completions: Sequence[Completion]) -> np.ndarray:
        """[N, A]: the features as they look before anyone has acted on the answer; what only its outcome shows looks good."""
        ...

    def faults(self, completion: Completion, user: str = "gold") -> Sequence[Fault]:
        """What a user finds wrong, worst first; empty where nothing can be improved."""
        ...

    def mended(self, completion: Completion, aspects: Collection[str] | None = None, user: str = "gold") -> Completion:
        """The answer with the faults in `aspects` taken out (None: all); a new completion, without tokens in a world of texts."""
        ...

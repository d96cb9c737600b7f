"""The feedback that a method sees: offline pairs and a counter that sells more, on one budget of labels."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ...annotators import make_annotator
from ...annotators.runner import Session
from ...annotators.wrappers.flip import Flip
from ...core.errors import BudgetExceeded
from ...core.protocols import Annotator, Engine, World
from ...core.records import Abstention, Completion, Feedback, Item, Preference, Prompt
from ...core.store import Store
from ...engines import make_engine
from .suite import Suite

Annotate = Callable[[Sequence[Item]], Sequence[Feedback | Abstention]]


class MeteredFeedback:
    """Implements `core.protocols.FeedbackSource`. `offline` are answers already given (abstentions among them); they are
    charged when a method first asks for the data set, so that a method that needs no labels spends none."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        demonstrations: Sequence[Completion],
        offline: Sequence[Feedback | Abstention],
        annotate: Annotate,
        labels: int,
    ) -> None:
        self.prompts, self.demonstrations = tuple(prompts), tuple(demonstrations)
        self._offline, self._annotate, self._budget = tuple(offline), annotate, labels
        self._is_open, self.bought, self.abstained = False, 0, 0

    @property
    def labels_left(self) -> int:
        return self._budget - self.bought

    def dataset(self) -> Sequence[Preference]:
        if not self._is_open:
            self._charge(self._offline)
            self._is_open = True
        return tuple(each for each in self._offline if isinstance(each, Preference))

    def ask(self, items: Sequence[Item]) -> list[Feedback | Abstention]:
        if len(items) > self.labels_left:
            what = f"{len(items)} labels were asked for and {self.labels_left} of {self._budget} are left"
            raise BudgetExceeded(f"{what}; ask for fewer, or raise the suite's `labels`")
        answers = list(self._annotate(items))
        self._charge(answers)
        return answers

    def _charge(self, answers: Sequence[Feedback | Abstention]) -> None:
        self.bought += len(answers)
        self.abstained += sum(isinstance(each, Abstention) for each in answers)


def engine_of(suite: Suite) -> Engine | None:
    """The suite's engine; None where it names none."""
    return make_engine(suite.engine, suite.model, **suite.engine_options) if suite.engine else None


@contextmanager
def suite_session(suite: Suite, store: Path) -> Iterator[Session]:
    """A session with the suite's engine, and the store of its replies open within; with neither where it names no engine."""
    engine = engine_of(suite)
    if engine is None:
        yield Session()
        return
    with closing(Store(store)) as opened:
        yield Session(engine, opened)


def training_annotator(suite: Suite, world: World) -> Annotator:
    """The annotator of the training pairs, noise included."""
    inner = make_annotator(suite.feedback, world=world)
    return Flip(inner, suite.flip) if suite.flip else inner


def feedback_source(
    suite: Suite, world: World, seed: int, offline: Sequence[Feedback | Abstention], session: Session
) -> MeteredFeedback:
    """The feedback that a method may use: labels gathered beforehand and a budget to ask with."""
    annotator = training_annotator(suite, world)
    prompts = world.prompts("unlabeled")[: suite.prompts]

    def label(items: Sequence[Item]) -> Sequence[Feedback | Abstention]:
        return session.ask_all(items, annotator, seed).results

    return MeteredFeedback(prompts, world.demonstrations(), offline, label, suite.labels)

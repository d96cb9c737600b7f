"""Laws are checked by hypothesis without a deadline: a busy machine is not a broken law. In CI the examples are always the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("pasture", deadline=None, max_examples=50, derandomize=bool(os.environ.get("CI")))
settings.load_profile("pasture")


class TinyLanguageModels:
    """Makes tokenizers of whole words and Llamas with random weights: models of a few thousand numbers."""

    def tokenizer(self, words: Iterable[str], **special: Any) -> Any:
        """One token per word, the special ones first, in the order given."""
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel
        from tokenizers.pre_tokenizers import WhitespaceSplit
        from transformers import PreTrainedTokenizerFast

        named = [each for name, each in special.items() if name.endswith("_token")]
        names = dict.fromkeys([*named, *special.get("additional_special_tokens", ()), *words])
        bare = Tokenizer(WordLevel({word: place for place, word in enumerate(names)}, unk_token="<unk>"))
        bare.pre_tokenizer = WhitespaceSplit()
        return PreTrainedTokenizerFast(tokenizer_object=bare, **special)

    def config(self, tokenizer: Any, **sizes: int) -> Any:
        from transformers import LlamaConfig

        small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "max_position_embeddings": 64}
        ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "eos", "bos")}
        return LlamaConfig(vocab_size=len(tokenizer), **{**small, **ids, **sizes})

    def model(self, config: Any, scale: float, seed: int) -> Any:
        """Weights large enough that log-probabilities differ much from token to token."""
        from transformers import LlamaForCausalLM

        return self.randomised(LlamaForCausalLM(config), scale, seed)

    def randomised(self, model: Any, scale: float, seed: int) -> Any:
        import torch

        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" not in name:
                    parameter.normal_(0, scale, generator=generator)
        return model.eval()


@pytest.fixture(scope="session", autouse=True)
def command_made_once() -> None:
    """Typer makes its commands anew at every call, which costs more than most calls of the tests."""
    import typer
    from pasture import cli

    cli.app = typer.main.get_command(cli.app)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture(scope="session")
def tiny() -> TinyLanguageModels:
    return TinyLanguageModels()


@pytest.fixture
def invoke() -> Callable[..., Callable[..., str]]:
    """invoke(command, ...) -> run(*words): what these commands of the command line print; errors come as they were raised."""
    import typer
    from typer.testing import CliRunner

    def of(*commands: Callable[..., Any]) -> Callable[..., str]:
        app = typer.Typer()
        for command in commands:
            app.command()(command)

        def run(*words: Any) -> str:
            found = CliRunner().invoke(app, [str(each) for each in words], catch_exceptions=False)
            assert found.exit_code == 0, found.output
            return found.stdout

        return run

    return of

"""What an exact world draws: the features of its answers, its users' tastes, and one answer a prompt from a policy."""

import numpy as np


def draw_features(prompts: int, responses: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """[P, M, D], standard normal within a prompt; all but the first (length) also shift from prompt to prompt, by half as much."""
    features_PMD = rng.normal(size=(prompts, responses, features))
    features_PMD[:, :, 1:] += 0.5 * rng.normal(size=(prompts, 1, features - 1))
    return features_PMD


def draw_tastes(
    users: int, features: int, spread: float, utility_sd: float, length_gain: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Gold's weights, [D], and each user's, [U, D]: gold plus an own part; own parts sum to zero, so gold is the exact mean."""
    gold_D = np.append(0.0, rng.normal(size=features - 1))
    gold_D *= utility_sd / np.linalg.norm(gold_D)
    gold_D[0] = length_gain
    own_UD = rng.normal(size=(users, features)) * spread * utility_sd / np.sqrt(features)
    return gold_D, gold_D + (own_UD - own_UD.mean(0))


def one_each(policy_PM: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One answer drawn for each prompt, [P]."""
    answers_P = (policy_PM.cumsum(1) < rng.random((len(policy_PM), 1))).sum(1)
    return np.minimum(answers_P, policy_PM.shape[1] - 1)

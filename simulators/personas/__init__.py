"""Persons: sampled from census tables, described in words, with tastes."""

from .population import Population, Sampler, demographics_of, population

__all__ = ["Population", "Sampler", "demographics_of", "population"]

"""Annotators around another one: noise, bias, order, rations."""

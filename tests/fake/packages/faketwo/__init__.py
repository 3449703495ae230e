"""A second framework that shares nothing with the first: flat float64 vectors."""

import math


class Vector(tuple):
    """A 1-d array of float64."""


def vector(values):
    return Vector(float(value) for value in values)


def sine(x):
    return Vector(map(math.sin, x))


def exponential(x):
    return Vector(map(math.exp, x))


def bend(x, order="C", unit=None, *, top=None, limit=50.0, shift=0, slope=0.5, style="soft"):
    bent = (each * (slope if each < 0 else 1) + shift + (top or 0) for each in x)
    return Vector(min(each, limit) for each in bent)

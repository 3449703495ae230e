"""What examples take of NumPy, which is not in the environment."""


def linspace(low, high, count):
    return [low + (high - low) * number / (count - 1) for number in range(count)]

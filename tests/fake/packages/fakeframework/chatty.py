"""A module that prints while it is imported."""

import os

print("chatty: hello from Python")
os.write(1, b"chatty: hello from the descriptor\n")


def shout(text):
    return text.upper()

"""The draft of a new op's entry: APIs looked up, calls tried out, what is sure and what guessed."""

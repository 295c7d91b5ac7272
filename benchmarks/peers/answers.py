"""The questions that all caches of answers are asked, ours and the peers'."""

SYSTEM = "You answer from the passages that you are given, and cite them. " * 6
ANSWER = "The speaker said so at minute twelve, and again in the second hour. " * 8


def question(number: int) -> str:
    """A question of about 600 characters."""
    return (
        f"Passage {number}: "
        + "the council voted on the matter after a long debate. " * 10
        + f"Who said what? {number}"
    )

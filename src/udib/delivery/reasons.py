"""Why a claim has no verdict, in words."""

NOT_JUDGED = {
    "needs_llm": "needs a language model",
    "no_evidence": "nothing was found that bears on it",
    "budget": "the budget is used up",
    "deadline": "there was no time left for it",
    "model_unusable": "the model gave no usable answer",
    "limit": "less worth checking than those that were judged",
    "not_checkable": "a model finds nothing in it that could be checked",
    "unclear_referent": "a model cannot tell from the words around it who or what is meant",
    "own_words": "only the same speaker says so elsewhere",
    "evidence_forgotten": "what it rested on was forgotten",
}
"""By the code of `NotJudged.reason`, which also stands as the reason of a missing part."""

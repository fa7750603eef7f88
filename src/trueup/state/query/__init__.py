"""The one language in which lists are filtered and sorted: text to a tree. It knows no nouns.

Read `tree.py`, then `parser.py`. What may stand on the left of a comparison, each noun says itself
in a `Vocabulary`; what a tree means in SQL, too.
"""

"""The checks of a company as a whole: it is the right one, it can take documents, and it holds each of ours once.

Belongs here: reading and judging. Does not belong here: sending (``send``).
"""

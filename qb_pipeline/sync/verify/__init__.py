"""Look at a company as a whole: is it the right one, can it take documents, does it hold each of ours once.

Belongs here: reading and judging. Does not belong here: sending (``send``).
"""

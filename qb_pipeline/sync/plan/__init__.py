"""The decisions about the documents of one firm. A plan sends nothing and changes no mapping.

Belongs here: reading both sides for a decision, and storing it. Does not belong here: the rules (``core.planning``).
"""

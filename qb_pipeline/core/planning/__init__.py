"""Decisions about documents, from the data of billing and of QuickBooks.

Belongs here: decisions over several documents, and the facts that a plan rests on. Does not belong here: the content of
one document (``core.documents``).
"""

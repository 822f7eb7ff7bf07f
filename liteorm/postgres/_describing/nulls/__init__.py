"""Which columns of a statement's result can be NULL, read from PostgreSQL's own grammar.

Needs pglast. Every answer is one of three: False (proven never NULL), True (NULL for some data)
and None (not known). False is claimed only where it follows from the text and the constraints.
"""

from liteorm.postgres._describing.nulls.analysis import result_nulls
from liteorm.postgres._describing.nulls.facts import Facts, Names, gather_facts
from liteorm.postgres._describing.nulls.grammar import names_in, parsed

__all__ = ["Facts", "Names", "gather_facts", "names_in", "parsed", "result_nulls"]

"""Confirmed cases: kept, found again, and told how they are alike and how they differ. Needs SQLAlchemy, never torch."""

from pellucid.cases.find import SPACES, Query, Space, find
from pellucid.cases.library import VERIFIED, Case, Confirmed, Embedding, Library, open_library

__all__ = ["SPACES", "VERIFIED", "Case", "Confirmed", "Embedding", "Library", "Query", "Space", "find", "open_library"]

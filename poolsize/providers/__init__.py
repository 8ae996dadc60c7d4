"""Limits without a database, as the same facts that a probe gives, so that the decision has one path."""

from poolsize.providers.limits import RESERVED, provider_facts, stated_facts
from poolsize.providers.provider import Provider
from poolsize.providers.published import PROVIDERS
from poolsize.providers.sizes import parse_size

__all__ = ["PROVIDERS", "RESERVED", "Provider", "parse_size", "provider_facts", "stated_facts"]

"""Charsets that a request may name: codecs of Python that cannot decode, and others."""

CHARSETS = ["zlib", "hex", "idna", "punycode", "undefined", "utf-16", "x", "UTF-8"]

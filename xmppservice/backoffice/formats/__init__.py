"""Date formats for Django's FORMAT_MODULE_PATH: the same in every language.

A form reads a date as an import of a table does: ISO 8601, or day, month and year.
Each language has its usual format first, which is the one that a form shows.
"""

TIMES = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M")

"""When a process searches its memory for what is not needed any more."""

import gc

NEW_OBJECTS = 20_000  # until the garbage collector looks at them


def collect_rarely() -> None:
    """Let the garbage collector look neither often nor at what is there for good.

    By default a tree of ten thousand entries makes it search all of memory with each
    page, which then takes twice as long. Almost all memory is freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)

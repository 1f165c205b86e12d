"""Handing files to the workers of a cluster in portions, and getting what they give in order."""

# Tested by tests/unit/indexer/test_workers.py

from __future__ import annotations

from collections import Counter as Numbers
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cmsearch.common.kinds import HEARD
from cmsearch.errors import CmsearchError, brief
from cmsearch.media.readers import make_reader, may_be_table, names
from indexer.pipeline import Counter
from indexer.scan import Found
from indexer.stages import Given, Row, failed
from indexer.workers import Sent, Workers

AHEAD = 2
"""Portions that wait for each worker, or are done and wait for their turn."""
ENDED = "ended the process that read it, each time that it was tried"


class Portions:
    """What the workers of a cluster do, if there are any."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def parted(self, files: Sequence[Found]) -> tuple[list[Found], list[Found]]:
        """The files that go to the workers, if there are any, and those that stay here.

        What goes can be read by itself: it is about no other file, names none, and nothing is heard
        in it.
        """
        if not len(self._workers):
            return [], list(files)
        stays = names(*HEARD)
        readers = {kind: make_reader(kind) for kind in {file.kind for file in files}}

        def goes(file: Found) -> bool:
            is_alone = file.about is None and file.kind not in stays
            return is_alone and not may_be_table(readers[file.kind], file.path)

        return [own for own in files if goes(own)], [own for own in files if not goes(own)]

    def rows(self, files: Iterable[Given], size: int, counter: Counter) -> Iterator[list[Row]]:
        """What is to be written of files, in their order, portion by portion of `size` files; what
        they turn out to hold is counted, and told if not all workers are there.

        A portion whose worker ends is tried again by another process in its place; what ends each
        of these is tried file by file, and left out at last, with the reason. What a machine had
        that has left is done by the others.
        """
        waiting: deque[Sent] = deque()
        held: Numbers[int] = Numbers(dict.fromkeys(range(len(self._workers)), 0))
        rest = iter(files)
        while portion := tuple(islice(rest, size)):
            place = min(held, key=held.__getitem__)
            held[place] += 1
            waiting.append(self._workers.send(place, portion))
            if len(waiting) > AHEAD * len(self._workers):
                yield self._done(held, counter, waiting.popleft())
        while waiting:
            yield self._done(held, counter, waiting.popleft())

    def _done(self, held: Numbers[int], counter: Counter, sent: Sent) -> list[Row]:
        rows = self._got(sent, counter)
        held[sent.place] -= 1
        counter.found(len(rows) - len(sent.portion))
        return rows

    def _got(self, sent: Sent, counter: Counter) -> list[Row]:
        ray = self._workers.ray
        try:
            while not self._workers.is_done(sent):
                counter.note(self._workers.look())
            found: list[Row] = ray.get(sent.result)
            return found
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError):
            return self._tried_again(sent, counter)
        except ray.exceptions.RayError as error:
            raise CmsearchError(f"The cluster can't go on: {brief(error)}") from error

    def _tried_again(self, sent: Sent, counter: Counter) -> list[Row]:
        """What is to be written of a portion whose worker has ended."""
        if self._workers.has_lost(sent, counter.note):
            return self._got(self._workers.send(sent.place, sent.portion), counter)
        if len(sent.portion) == 1:
            return [failed(sent.portion[0].file, ENDED)]
        # One after the other: what waits for a worker that ends is tried once more as well.
        each = (self._got(self._workers.send(sent.place, (own,)), counter) for own in sent.portion)
        return [row for rows in each for row in rows]

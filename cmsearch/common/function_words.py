"""The function words of English, which say little of what a text is about."""

# Tested by tests/unit/cmsearch/models/encoders/test_words.py

from __future__ import annotations

_ENGLISH = """
a about above across after again against all along also although am among an and any anyone anything
are aren't around as at away be because been before behind being below beneath beside between beyond
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each
either else every everyone everything few for from further had hadn't has hasn't have haven't having
he he's her here hers herself him himself his how however i i'm i've if in inside into is isn't it
it's its itself just let like may me might mine more most much must my myself near neither no nor
not of off on once one's only onto or other others our ours out outside over own per quite rather
same shall she she's should shouldn't since so some someone something such than that that's the
their theirs them themselves then there there's these they they're this those though through to
together too toward towards under until up upon us very was wasn't we we're were weren't what when
where whether which while who whom whose why will with within without won't would wouldn't yet you
you're your yours yourself
"""
FUNCTION_WORDS = frozenset(_ENGLISH.split())
"""In small letters, with straight apostrophes."""

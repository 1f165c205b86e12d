"""`python -m cmsearch`."""

from cmsearch.cli import main

main()

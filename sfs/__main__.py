"""python -m sfs"""

from sfs.cli.main import main

main()

"""What is loaded lies in large pages, where the system has them, and stays what it was."""

import re
import subprocess
import sys
from pathlib import Path

from sfs.proxy.large_pages import LARGE, _whole, use_large_pages

MAPS = """\
555555554000-555555560000 r-xp 00000000 fe:00 1234 /usr/bin/python3
555555560000-555555960000 rw-p 00000000 fe:00 1234 /usr/bin/python3
555555a00000-555555e01000 rw-p 00000000 00:00 0 [heap]
7ffff0000000-7ffff0800000 rw-p 00000000 00:00 0
7ffff0800000-7ffff0801000 ---p 00000000 00:00 0
7ffff0801000-7ffff1801000 rw-p 00000000 00:00 0
7ffff2001000-7ffff2500000 rw-p 00000000 00:00 0
7ffff3000000-7ffff3600000 r--p 00000000 00:00 0
7ffff4000000-7ffff4600000 rw-s 00000000 00:01 77 /dev/zero (deleted)
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
"""


def test_heap_and_memory_of_no_file_is_meant_and_no_stack():
    assert [*_whole(MAPS.splitlines())] == [
        (0x555555A00000, 2 * LARGE),
        (0x7FFFF0000000, 4 * LARGE),
        (0x7FFFF2200000, LARGE),
    ]


def test_what_is_there_stays_what_it_is():
    kept = [f"{number} of many".encode() for number in range(200_000)]
    size = use_large_pages()
    assert size % LARGE == 0
    assert all(one == f"{number} of many".encode() for number, one in enumerate(kept))


def test_the_system_has_it_in_large_pages_then():
    program = (
        "from sfs.proxy.large_pages import use_large_pages\n"
        "kept = [bytes([number % 256]) * 1000 for number in range(40_000)]\n"
        "print(use_large_pages())\nprint(open('/proc/self/smaps_rollup').read())\n"
    )
    if not Path("/proc/self/smaps_rollup").exists():
        assert use_large_pages() >= 0
        return
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    told = int(said.stdout.split()[0])
    found = re.search(r"AnonHugePages: +(\d+) kB", said.stdout)
    assert found is not None
    # A system without them, as in some containers, says so; else most of 40 MB has to be there.
    assert told == 0 or int(found[1]) * 1024 >= min(told, 30 << 20)

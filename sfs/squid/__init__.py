"""Inside Squid: its helper protocols (external_acl_type, url_rewrite_program), answered with the proxy's verdicts.

    format.py    what stands in a line, by the text that squid.conf has too
    asked.py     a line as a request, and its verdict: as `sfs explain` gives it
    kept.py      what is kept of verdicts, bounded, for a minute
    hosts.py     whether a host says nothing to any table or list, so that nothing need be judged
    answers.py   a verdict as Squid takes it: OK, ERR, BH with message=, tag=, log=; or a redirect
    helper.py    many lines to many answers; what was judged is kept for a minute, and never across a reload
    whole.py     whether all of a host is shown, so that Squid need not ask about each of its URLs
    loop.py      standard input to standard output, in blocks
    watch.py     a new filter when a file changes
    fragment.py  the lines of squid.conf

Squid carries the bytes; Python is asked once a request, and not even that where Squid remembers the answer.
"""

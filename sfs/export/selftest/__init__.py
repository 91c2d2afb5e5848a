"""Whether mandatory lists hold where they should: resolvers, Squid, proxies and the stop page are asked for the
canaries of each list (canary.py), as subscribers would, and what they answer is compared with what the list says.

    plan.py       what is to be asked, from the operator's file (plan_file.py)
    questions.py  the questions for one resolver, pure
    asking.py     answers from a resolver: UDP, TCP, TLS, HTTPS (doh.py)
    fetching.py   answers from Squid, a proxy, the stop page, and what is wrong with them (web.py)
    verdicts.py   what an answer means beside what the list says, pure
    findings.py   faults by their names, out of many answers, pure
    versions.py   which version has to be in force, and how old it is
    run.py        all of it at once, within bounds
    sheet.py      what is printed, and signed (signing.py)
"""

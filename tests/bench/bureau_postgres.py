"""The measures of the label bureau on PostgreSQL: Debian's, started here with its own durable settings, and stopped.

python tests/bench/bureau_postgres.py [--labels N]"""

import argparse
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.databases import postgres  # noqa: E402 - the folder is no package of an installed SFS


def main() -> None:
    """Both measures, each on a new database."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--labels", type=int, default=1_000_000)
    labels = str(parser.parse_args().labels)
    with contextmanager(postgres.__wrapped__)() as server:
        for command in (["-m", "sfs", "bench", "bureau"], [str(Path(__file__).with_name("bureau_import.py"))]):
            print(f"== {' '.join(command)} on PostgreSQL", flush=True)
            asked = [sys.executable, *command, "--labels", labels, "--database", server.database()]
            subprocess.run(asked, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()

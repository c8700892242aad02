"""The process that does one job: ``python -m vivocart.web.job_worker FOLDER``.

It reads ``job.json``, says its progress as lines of JSON on stdout, and leaves ``result.json``. It ends with the server:
when its stdin closes, nobody waits for it any more.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from vivocart.ground.errors import VivocartError
from vivocart.web.job_files import RESULT, read_job, write_whole

_FAILED, _NO_JOB, _ORPHANED = 3, 4, 5
_SAID_EVERY_SECONDS = 0.1
_NICE = 5  # a job must not slow the sliders down


def main(arguments: list[str]) -> int:
    """Exit code of one job: 0 with a result, 3 with an error that was said."""
    folder = Path(arguments[0])
    job = read_job(folder)
    if job is None:
        return _NO_JOB
    threading.Thread(target=_leave_with_server, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    from vivocart.web.answers import to_json
    from vivocart.web.errors import error_data
    from vivocart.web.job_kinds import do_job

    try:
        write_whole(folder / RESULT, to_json(do_job(job, folder, _teller())))
    except VivocartError as error:
        _say(error_data(error)[1])
        return _FAILED
    except MemoryError:
        _say(
            {"error": {"kind": "memory", "message": "not enough memory", "where": "", "mend": "ask for less"}}
        )
        return _FAILED
    except Exception as error:  # the outermost frame: values of patients must not reach a log
        kind = type(error).__name__
        _say(
            {
                "error": {
                    "kind": "fault",
                    "message": f"a fault of the worker ({kind})",
                    "where": "",
                    "mend": "report it",
                }
            }
        )
        return _FAILED
    return 0


def _leave_with_server() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would be held when this process ends
        pass
    os._exit(_ORPHANED)


def _teller() -> Any:
    last = [0.0]

    def tell(share: float, message: str) -> None:
        moment = time.monotonic()
        if share >= 1.0 or moment - last[0] >= _SAID_EVERY_SECONDS:
            last[0] = moment
            _say({"progress": share, "message": message})

    return tell


def _say(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

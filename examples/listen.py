"""Hand out jobs by LISTEN and NOTIFY: the worker hears of a job when its transaction commits."""

import threading

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@attrs.frozen
class Job:
    id: int
    name: str


def main(dsn: str) -> None:
    with postgres.open(dsn) as db, postgres.listen(db, "jobs") as listener:

        def enqueue() -> None:
            for number, name in enumerate(["wash", "dry", "fold"]):
                with db.transaction() as tx:
                    postgres.notify(tx, "jobs", Job(number, name))

        sender = threading.Thread(target=enqueue)
        sender.start()
        for _ in range(3):
            notification = listener.receive(timeout=10)
            print(notification.channel, notification.load(Job))
        sender.join()

        try:
            listener.receive(timeout=0.1)
        except TimeoutError:
            print("no more jobs;", liteorm.scan_one(db.query("SELECT 'bye'"), str))


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)

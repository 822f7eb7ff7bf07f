"""Move money from many threads at once; what collides is run again, and the sum is kept."""

from concurrent.futures import ThreadPoolExecutor

import liteorm
import liteorm_testing
from liteorm import postgres


def main(dsn: str) -> None:
    with postgres.open(dsn) as db:
        db.execute("""
            CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL);
            INSERT INTO accounts SELECT n, 100 FROM generate_series(1, 5) AS n
        """)

        def transfer(number: int) -> None:
            source, target = number % 5 + 1, (number + 1) % 5 + 1

            def move(tx: postgres.Tx) -> None:
                change = "UPDATE accounts SET balance = balance + %s WHERE id = %s"
                tx.execute(change, [-1, source])
                tx.execute(change, [+1, target])

            db.run(move, attempts=20, isolation="serializable")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(transfer, range(100)))

        balances = liteorm.scan(db.query("SELECT balance FROM accounts ORDER BY id"), int)
        print("balances:", balances, "sum:", sum(balances))


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)

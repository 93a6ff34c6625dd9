"""Preloads no-op jobs into PGQueuer, drains them, and prints one JSON line.

    DATABASE_URL=postgresql:///bench?host=/tmp/pg JOBS=200000 python pgqueuer_drain.py
    {"jobs": 200000, "seconds": 15.9, "jobs_per_s": 12578.6, "batch": 250, "consumers": 1}

JOBS, BATCH and CONSUMERS come from the environment. The clock runs from the first dequeue until every completion is in
PGQueuer's log table, with its default durability. The tables carry a prefix of their own and are dropped afterwards.
"""

import asyncio
import json
import logging
import os
import sys
import time
from datetime import timedelta

os.environ["PGQUEUER_PREFIX"] = "heliograph_bench_"  # before the import: the settings are read once

import asyncpg  # noqa: E402
import uvloop  # noqa: E402
from pgqueuer import PgQueuer  # noqa: E402
from pgqueuer.db import AsyncpgDriver  # noqa: E402
from pgqueuer.models import Job  # noqa: E402
from pgqueuer.queries import Queries  # noqa: E402
from pgqueuer.types import QueueExecutionMode  # noqa: E402

DSN = os.environ["DATABASE_URL"]
JOBS = int(os.environ.get("JOBS", "200000"))
BATCH = int(os.environ.get("BATCH", "250"))
CONSUMERS = int(os.environ.get("CONSUMERS", "1"))
# Rows per enqueue statement: keeps the arrays of one statement well below PostgreSQL's message limit.
ENQUEUE_CHUNK = 10_000


async def preload(queries: Queries) -> None:
    for start in range(0, JOBS, ENQUEUE_CHUNK):
        n = min(ENQUEUE_CHUNK, JOBS - start)
        await queries.enqueue(["noop"] * n, [b""] * n, [0] * n)


async def drain() -> float:
    connections = [await asyncpg.connect(DSN) for _ in range(CONSUMERS)]

    def consumer(connection: asyncpg.Connection) -> PgQueuer:
        pgq = PgQueuer(AsyncpgDriver(connection))

        @pgq.entrypoint("noop")
        async def noop(job: Job) -> None:
            pass

        return pgq

    consumers = [consumer(c) for c in connections]
    started = time.perf_counter()
    # The aggregation of its log is no part of finishing jobs; the short timeout keeps the last idle wait out of the figure.
    await asyncio.gather(
        *(
            pgq.run(
                batch_size=BATCH,
                mode=QueueExecutionMode.drain,
                dequeue_timeout=timedelta(seconds=0.1),
                log_aggregation_interval=timedelta(0),
            )
            for pgq in consumers
        )
    )
    seconds = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    return seconds


async def main() -> None:
    connection = await asyncpg.connect(DSN)
    queries = Queries(AsyncpgDriver(connection))
    settings = queries.qbe.settings
    if not settings.queue_table.startswith("heliograph_bench_"):
        sys.exit(f"pgqueuer_drain: refuses to touch the table {settings.queue_table}")
    if await queries.schema_is_installed():
        await queries.uninstall()
    await queries.install()
    try:
        await preload(queries)
        await connection.execute(f"VACUUM ANALYZE {settings.queue_table}")
        seconds = await drain()
        left = await connection.fetchval(f"SELECT count(*) FROM {settings.queue_table}")
        done = await connection.fetchval(f"SELECT count(*) FROM {settings.queue_table_log} WHERE status = 'successful'")
        if left or done != JOBS:
            sys.exit(f"pgqueuer_drain: {done} of {JOBS} jobs done, {left} left")
    finally:
        await queries.uninstall()
        await connection.close()
    print(
        json.dumps(
            {"jobs": JOBS, "seconds": round(seconds, 3), "jobs_per_s": round(JOBS / seconds, 1), "batch": BATCH, "consumers": CONSUMERS}
        )
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    uvloop.run(main())

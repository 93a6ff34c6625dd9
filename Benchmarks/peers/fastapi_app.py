"""The charging API's hot routes on FastAPI and asyncpg: the reference that `heliograph bench http` measures beside ours.

    DATABASE_URL=postgresql:///bench?host=/tmp/pg uvicorn --no-access-log --port 18000 fastapi_app:app

One uvicorn process with uvloop and httptools, no access log. `/` and `/api/health` answer from memory;
`/api/monitoring/current` answers the rows of one meter within the hours before that meter's newest row.
POOL is the number of database connections.
"""

import os
from contextlib import asynccontextmanager
from datetime import datetime, timezone

import asyncpg
from fastapi import FastAPI
from fastapi.responses import JSONResponse

ROWS = """
SELECT timestamp, i, dev_fac_id
FROM time_i_data
WHERE meter_id = $1
  AND timestamp > (SELECT max(timestamp) FROM time_i_data WHERE meter_id = $1) - make_interval(hours => $2)
ORDER BY timestamp
"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = None
    dsn = os.environ.get("DATABASE_URL")
    if dsn is None:
        yield
        return
    size = int(os.environ.get("POOL", "4"))
    async with asyncpg.create_pool(dsn, min_size=size, max_size=size) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")


def failure(status: int, text: str) -> JSONResponse:
    return JSONResponse({"success": False, "error": text, "timestamp": now()}, status_code=status)


@app.get("/")
async def root():
    return JSONResponse(
        {
            "service_name": "电动汽车充电风险监测平台后端服务",
            "version": "1.1.0",
            "description": "提供预测、监测和统计分析功能的RESTful API服务",
            "status": "running",
            "timestamp": now(),
            "api_endpoints": {
                "health_check": {"path": "/api/health", "method": "GET", "description": "健康检查接口"},
            },
            "usage_examples": {
                "get_health": "GET /api/health",
                "get_prediction": "GET /api/prediction/data?meter_id=METER_001&hours=24",
                "get_sites_with_status": "GET /api/sites/locations",
            },
        }
    )


@app.get("/api/health")
async def health():
    return JSONResponse({"status": "healthy", "timestamp": now(), "database": "connected"})


@app.get("/api/monitoring/current")
async def current(meter_id: str | None = None, hours: int = 6):
    if not meter_id:
        return failure(400, "缺少必需参数: meter_id")
    pool = app.state.pool
    if pool is None:
        return failure(500, "数据库连接失败")
    rows = await pool.fetch(ROWS, meter_id, hours)
    return JSONResponse(
        {
            "success": True,
            "data": [{"timestamp": t.strftime("%Y-%m-%dT%H:%M:%S"), "current_value": i, "dev_fac_id": f} for t, i, f in rows],
            "count": len(rows),
            "meter_id": meter_id,
            "timestamp": now(),
        }
    )

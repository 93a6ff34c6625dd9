"""The hot routes of the charging, battery and vehicle APIs on FastAPI and asyncpg: the reference that `heliograph bench http battery vehicles` measures beside ours.

    DATABASE_URL=postgresql:///bench?host=/tmp/pg uvicorn --no-access-log --port 18000 fastapi_app:app

One uvicorn process with uvloop and httptools, no access log. `/` and `/api/health` answer from memory;
`/api/monitoring/current` answers the rows of one meter within the hours before that meter's newest row.
`POST /api/v1/battery/report` checks the device's key and the report, and inserts it; the history answers a device's rows.
`/api/cars/{id}/state` answers from memory.
POOL is the number of database connections.
"""

import os
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Literal
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

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


DEVICE = """
SELECT number FROM heliograph.device
WHERE api_key_hash = sha256(convert_to($1, 'UTF8')) AND set_status IS DISTINCT FROM 'disabled'
"""
INSERT = """
INSERT INTO heliograph.battery_report (device, recorded_at, level, temperature, voltage, is_charging, power_saving)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
HISTORY = """
SELECT id, level, is_charging, power_saving, temperature, voltage, recorded_at, created_at
FROM heliograph.battery_report
WHERE device = (SELECT number FROM heliograph.device WHERE id = $1) AND recorded_at >= $2 AND recorded_at < $3
ORDER BY recorded_at LIMIT $4 OFFSET $5
"""
MODES = ["off", "low", "medium", "high", "extreme"]


class Report(BaseModel):
    battery_level: float = Field(ge=0, le=100)
    is_charging: bool = False
    power_saving_mode: Literal["off", "low", "medium", "high", "extreme"] = "off"
    temperature: float | None = Field(default=None, ge=-40, le=85)
    voltage: float | None = Field(default=None, ge=0, le=10)
    recorded_at: datetime


def envelope(data, status: int = 200, message: str = "success") -> JSONResponse:
    return JSONResponse({"code": status, "message": message, "data": data, "timestamp": now()}, status_code=status)


@app.post("/api/v1/battery/report")
async def report(body: Report, x_api_key: str = Header()):
    if body.recorded_at > datetime.now(timezone.utc) + timedelta(seconds=60):
        return envelope(None, 400, "recorded_at")
    async with app.state.pool.acquire() as connection:
        device = await connection.fetchval(DEVICE, x_api_key)
        if device is None:
            return envelope(None, 401, "key")
        await connection.execute(
            INSERT, device, body.recorded_at, body.battery_level, body.temperature, body.voltage, body.is_charging, MODES.index(body.power_saving_mode)
        )
    return envelope({"accepted": 1}, 201)


@app.get("/api/v1/battery/history/{device_id}")
async def history(device_id: UUID, start_time: datetime, end_time: datetime, limit: int = 100, offset: int = 0):
    rows = await app.state.pool.fetch(HISTORY, device_id, start_time, end_time, limit, offset)
    return envelope(
        [
            {
                "id": str(r[0]),
                "device_id": str(device_id),
                "battery_level": r[1],
                "is_charging": r[2],
                "power_saving_mode": MODES[r[3]],
                "temperature": r[4],
                "voltage": r[5],
                "recorded_at": r[6].isoformat(),
                "created_at": r[7].isoformat(),
            }
            for r in rows
        ]
    )


STATES = {
    1: {
        "car_id": 1,
        "state": "driving",
        "since": "2025-10-09T08:53:20Z",
        "last_used": "2025-10-09T08:58:20Z",
        "battery_level": 67,
        "usable_battery_level": 65,
        "range_km": 320.5,
        "ideal_range_km": 350.0,
        "latitude": 31.2304,
        "longitude": 121.4737,
        "heading": 180,
        "speed": 72,
        "power": 18,
        "odometer_km": 12345.6,
        "plugged_in": False,
        "charging_state": "Disconnected",
        "charger_power": 0,
        "charge_limit_soc": 0,
        "time_to_full_charge": 0.0,
        "charger_voltage": 0,
        "charger_current": 0,
        "inside_temp": 22.5,
        "outside_temp": 15.0,
        "is_climate_on": False,
        "is_preconditioning": False,
        "locked": True,
        "sentry_mode": False,
        "is_user_present": False,
        "doors_open": False,
        "windows_open": False,
        "frunk_open": False,
        "trunk_open": False,
        "tpms_pressure_fl": 2.9,
        "tpms_pressure_fr": 2.9,
        "tpms_pressure_rl": 2.9,
        "tpms_pressure_rr": 2.9,
        "car_version": "2024.26.9",
        "can_sleep": False,
        "sleep_block_reason": "user_present",
        "healthy": True,
        "geofence": None,
    }
}


@app.get("/api/cars/{car_id}/state")
async def car_state(car_id: int):
    state = STATES.get(car_id)
    if state is None:
        return JSONResponse({"error": "car not found"}, status_code=404)
    return JSONResponse({"data": state})

import Bytes
import Testing

/// The examples of `spec/tesgazer-vehicles.md`, word for word.
enum SpecExamples {
    static func value(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

    static let cars = #"""
        {
          "data": [
            {
              "id": 1,
              "tesla_id": 1234567890,
              "tesla_vehicle_id": 1126341070917908,
              "vin": "LRW3E7EK1NC123456",
              "name": "我的特斯拉",
              "model": "model3",
              "exterior_color": "DeepBlue",
              "trim_badging": "P100D",
              "wheel_type": "Pinwheel18",
              "created_at": "2024-01-01T00:00:00Z",
              "updated_at": "2024-01-07T12:00:00Z"
            }
          ]
        }
        """#

    static let state = #"""
        {
          "data": {
            "car_id": 1,
            "state": "online",
            "since": "2024-01-07T10:00:00Z",
            "last_used": "2024-01-07T14:30:00Z",
            "battery_level": 67,
            "usable_battery_level": 65,
            "range_km": 320.5,
            "ideal_range_km": 350.0,
            "latitude": 31.2304,
            "longitude": 121.4737,
            "heading": 180,
            "speed": null,
            "power": 0,
            "odometer_km": 12345.6,
            "plugged_in": false,
            "charging_state": "Disconnected",
            "charger_power": 0,
            "charge_limit_soc": 80,
            "time_to_full_charge": 0,
            "charger_voltage": 0,
            "charger_current": 0,
            "inside_temp": 22.5,
            "outside_temp": 15.0,
            "is_climate_on": false,
            "is_preconditioning": false,
            "locked": true,
            "sentry_mode": false,
            "is_user_present": false,
            "doors_open": false,
            "windows_open": false,
            "frunk_open": false,
            "trunk_open": false,
            "tpms_pressure_fl": 2.9,
            "tpms_pressure_fr": 2.9,
            "tpms_pressure_rl": 2.9,
            "tpms_pressure_rr": 2.9,
            "car_version": "2024.26.9",
            "can_sleep": true,
            "sleep_block_reason": ""
          }
        }
        """#

    static let suspended = #"""
        {
          "message": "Logging suspended",
          "car_id": 1
        }
        """#

    static let cannotSuspend = #"""
        {
          "error": "cannot suspend: vehicle is driving"
        }
        """#

    static let resumed = #"""
        {
          "message": "Logging resumed",
          "car_id": 1
        }
        """#

    static let drives = #"""
        {
          "data": [
            {
              "id": 1,
              "car_id": 1,
              "start_time": "2024-01-07T10:00:00Z",
              "end_time": "2024-01-07T10:30:00Z",
              "duration_min": 30.5,
              "start_battery_level": 80,
              "end_battery_level": 70,
              "start_range_km": 350.0,
              "end_range_km": 300.0,
              "start_odometer_km": 12300.0,
              "end_odometer_km": 12325.5,
              "distance_km": 25.5,
              "speed_max": 120,
              "power_max": 150,
              "power_min": -50,
              "inside_temp_avg": 22.5,
              "outside_temp_avg": 15.0,
              "energy_used_kwh": 4.5,
              "energy_regen_kwh": 1.2,
              "start_address": {
                "formatted_address": "浙江省杭州市西湖区文三路123号",
                "province": "浙江省",
                "city": "杭州市",
                "district": "西湖区"
              },
              "end_address": {
                "formatted_address": "浙江省杭州市拱墅区莫干山路456号",
                "province": "浙江省",
                "city": "杭州市",
                "district": "拱墅区"
              },
              "start_latitude": 30.17,
              "start_longitude": 120.20,
              "end_latitude": 30.25,
              "end_longitude": 120.15
            }
          ],
          "pagination": {
            "page": 1,
            "per_page": 20,
            "total": 100
          }
        }
        """#

    static let positions = #"""
        {
          "data": [
            {
              "id": 1,
              "car_id": 1,
              "drive_id": 1,
              "recorded_at": "2024-01-07T10:00:00Z",
              "latitude": 31.2304,
              "longitude": 121.4737,
              "heading": 180,
              "speed": 50,
              "power": 15,
              "battery_level": 80,
              "range_km": 350.0,
              "odometer": 12345.6,
              "inside_temp": 22.5,
              "outside_temp": 15.0,
              "elevation": 8,
              "tpms_pressure_fl": 2.9,
              "tpms_pressure_fr": 2.9,
              "tpms_pressure_rl": 2.9,
              "tpms_pressure_rr": 2.9
            }
          ]
        }
        """#

    static let footprint = #"""
        {
          "data": [
            {
              "drive_id": 1,
              "start_time": "2024-01-07T10:00:00Z",
              "end_time": "2024-01-07T10:30:00Z",
              "start_lat": 31.2304,
              "start_lng": 121.4737,
              "end_lat": 31.2500,
              "end_lng": 121.5000,
              "distance_km": 25.5,
              "duration_min": 30.5
            }
          ]
        }
        """#

    static let parkings = #"""
        {
          "data": [
            {
              "id": 1,
              "car_id": 1,
              "start_time": "2024-01-07T10:30:00Z",
              "end_time": "2024-01-07T14:00:00Z",
              "duration_min": 210.0,
              "latitude": 31.2304,
              "longitude": 121.4737,
              "address": {
                "formatted_address": "浙江省杭州市西湖区文三路123号",
                "province": "浙江省",
                "city": "杭州市",
                "district": "西湖区",
                "street": "文三路",
                "street_number": "123号"
              },
              "start_battery_level": 70,
              "end_battery_level": 68,
              "start_range_km": 300.0,
              "end_range_km": 290.0,
              "start_odometer": 12325.5,
              "end_odometer": 12325.5,
              "energy_used_kwh": 1.5,
              "start_inside_temp": 22.5,
              "end_inside_temp": 35.0,
              "start_outside_temp": 25.0,
              "end_outside_temp": 32.0,
              "inside_temp_avg": 28.0,
              "outside_temp_avg": 28.5,
              "climate_used_min": 15.0,
              "sentry_mode_used_min": 180.0,
              "start_locked": true,
              "start_sentry_mode": true,
              "start_doors_open": false,
              "start_windows_open": false,
              "start_frunk_open": false,
              "start_trunk_open": false,
              "start_is_climate_on": false,
              "start_is_user_present": false,
              "end_locked": true,
              "end_sentry_mode": true,
              "end_doors_open": false,
              "end_windows_open": false,
              "end_frunk_open": false,
              "end_trunk_open": false,
              "end_is_climate_on": false,
              "end_is_user_present": false,
              "start_tpms_pressure_fl": 2.9,
              "start_tpms_pressure_fr": 2.9,
              "start_tpms_pressure_rl": 2.9,
              "start_tpms_pressure_rr": 2.9,
              "end_tpms_pressure_fl": 3.0,
              "end_tpms_pressure_fr": 3.0,
              "end_tpms_pressure_rl": 3.0,
              "end_tpms_pressure_rr": 3.0,
              "car_version": "2024.26.9"
            }
          ],
          "pagination": {
            "page": 1,
            "per_page": 20,
            "total": 100
          }
        }
        """#

    static let events = #"""
        {
          "data": [
            {
              "id": 1,
              "parking_id": 500,
              "event_type": "doors_opened",
              "event_time": "2024-01-07T11:00:00Z",
              "details": {}
            },
            {
              "id": 2,
              "parking_id": 500,
              "event_type": "doors_closed",
              "event_time": "2024-01-07T11:05:00Z",
              "details": {}
            }
          ]
        }
        """#

    static let stateUpdate = #"""
        {
          "type": "state_update",
          "data": {
            "car_id": 1,
            "state": "online",
            "since": "2024-01-07T10:00:00Z",
            "last_used": "2024-01-07T14:30:00Z",
            "battery_level": 67,
            "usable_battery_level": 65,
            "range_km": 320.5,
            "ideal_range_km": 350.0,
            "latitude": 31.2304,
            "longitude": 121.4737,
            "heading": 180,
            "speed": null,
            "power": 0,
            "odometer_km": 12345.6,
            "plugged_in": false,
            "charging_state": "Disconnected",
            "charger_power": 0,
            "charge_limit_soc": 80,
            "time_to_full_charge": 0,
            "charger_voltage": 0,
            "charger_current": 0,
            "inside_temp": 22.5,
            "outside_temp": 15.0,
            "is_climate_on": false,
            "is_preconditioning": false,
            "locked": true,
            "sentry_mode": false,
            "is_user_present": false,
            "doors_open": false,
            "windows_open": false,
            "frunk_open": false,
            "trunk_open": false,
            "tpms_pressure_fl": 2.9,
            "tpms_pressure_fr": 2.9,
            "tpms_pressure_rl": 2.9,
            "tpms_pressure_rr": 2.9,
            "car_version": "2024.26.9",
            "can_sleep": true,
            "sleep_block_reason": ""
          }
        }
        """#

    static let address = #"""
        {
          "formatted_address": "浙江省杭州市西湖区文三路123号",
          "country": "中国",
          "province": "浙江省",
          "city": "杭州市",
          "district": "西湖区",
          "township": "文新街道",
          "street": "文三路",
          "street_number": "123号"
        }
        """#
}

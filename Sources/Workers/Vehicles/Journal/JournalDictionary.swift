/// What answers of the vehicle service have in common, as a preset dictionary: a car's answer then takes a few hundred bytes. A version's text never
/// changes, or what was written with it could not be read any more; a better one gets the next version.
enum JournalDictionary {
    /// What is written; the byte in front of every record.
    static let version: UInt8 = 1

    static func text(of version: UInt8) -> [UInt8]? { version == 1 ? first : nil }

    // The commonest comes last: near text is referred to in fewer bits.
    private static let first = Array(
        """
        {"response":null,"error":"vehicle unavailable: vehicle is offline or asleep","error_description":""}\
        "user_id":,"color":null,"tokens":["","calendar_enabled":true,"api_version":,"backseat_token":null,"backseat_token_updated_at":null,"option_codes":null,\
        "gui_settings":{"gui_24_hour_time":true,"gui_charge_rate_units":"kW","gui_distance_units":"km/hr","gui_range_display":"Rated",\
        "gui_temperature_units":"C","gui_tirepressure_units":"Bar","show_range_units":false,"charge_state":{"charging_state":"Complete",\
        "charging_state":"Stopped","charging_state":"NoPower","charging_state":"Starting","conn_charge_cable":"<invalid>","conn_charge_cable":"IEC",\
        "fast_charger_brand":"<invalid>","fast_charger_type":"ACSingleWireCAN","battery_heater_on":false,"charge_amps":16,"charge_current_request":16,\
        "charge_current_request_max":16,"charge_enable_request":true,"charge_limit_soc_max":100,"charge_limit_soc_min":50,"charge_limit_soc_std":80,\
        "charge_miles_added_ideal":0,"charge_miles_added_rated":0,"charge_port_cold_weather_mode":false,"charge_port_color":"<invalid>",\
        "charge_port_door_open":false,"charge_port_latch":"Engaged","charge_rate":0,"charger_pilot_current":16,"managed_charging_active":false,\
        "managed_charging_start_time":null,"managed_charging_user_canceled":false,"max_range_charge_counter":0,"minutes_to_full_charge":0,\
        "not_enough_power_to_heat":null,"off_peak_charging_enabled":false,"off_peak_hours_end_time":360,"preconditioning_enabled":false,\
        "scheduled_charging_mode":"Off","scheduled_charging_pending":false,"scheduled_charging_start_time":null,"scheduled_departure_time":null,\
        "supercharger_session_trip_planner":false,"trip_charging":false,"user_charge_enable_request":null,"free_supercharging":false,\
        "climate_state":{"allow_cabin_overheat_protection":true,"auto_seat_climate_left":true,"auto_seat_climate_right":true,"battery_heater":false,\
        "battery_heater_no_power":null,"bioweapon_mode":false,"cabin_overheat_protection":"Off","defrost_mode":0,"driver_temp_setting":21,"fan_status":0,\
        "hvac_auto_request":"On","is_auto_conditioning_on":false,"is_front_defroster_on":false,"is_rear_defroster_on":false,"left_temp_direction":0,\
        "max_avail_temp":28,"min_avail_temp":15,"passenger_temp_setting":21,"remote_heater_control_enabled":false,"right_temp_direction":0,\
        "seat_heater_left":0,"seat_heater_rear_center":0,"seat_heater_rear_left":0,"seat_heater_rear_right":0,"seat_heater_right":0,\
        "side_mirror_heaters":false,"steering_wheel_heater":false,"supports_fan_only_cabin_overheat_protection":true,"wiper_blade_heater":false,\
        "active_route_latitude":,"active_route_longitude":,"active_route_traffic_minutes_delay":0,"corrected_latitude":,"corrected_longitude":,\
        "native_location_supported":1,"shift_state":"P","shift_state":"R","shift_state":"N","shift_state":"D",\
        "api_version":,"autopark_state_v2":"standby","autopark_style":"standard","center_display_state":0,"dashcam_state":"Unavailable",\
        "feature_bitmask":"","is_valet_mode":false,"last_autopark_error":"no_error","media_info":{"media_state":{"remote_control_enabled":true},\
        "notifications_supported":true,"parsed_calendar_supported":true,"remote_start":false,"remote_start_enabled":true,"remote_start_supported":true,\
        "santa_mode":0,"sentry_mode_available":true,"service_mode":false,"service_mode_plus":false,"smart_summon_available":false,\
        "speed_limit_mode":{"active":false,"current_limit_mph":85,"max_limit_mph":120,"min_limit_mph":50,"pin_code_set":false},\
        "summon_standby_mode_enabled":false,"sun_roof_state":"unknown","tpms_hard_warning_fl":false,"tpms_hard_warning_fr":false,\
        "tpms_hard_warning_rl":false,"tpms_hard_warning_rr":false,"tpms_last_seen_pressure_time_fl":,"tpms_last_seen_pressure_time_fr":,\
        "tpms_last_seen_pressure_time_rl":,"tpms_last_seen_pressure_time_rr":,"tpms_rcp_front_value":2.9,"tpms_rcp_rear_value":2.9,\
        "tpms_soft_warning_fl":false,"tpms_soft_warning_fr":false,"tpms_soft_warning_rl":false,"tpms_soft_warning_rr":false,"valet_mode":false,\
        "valet_pin_needed":true,"vehicle_name":"","vehicle_self_test_progress":0,"webcam_available":true,"status":"available","status":"scheduled",\
        "status":"downloading","status":"downloading_wifi_wait","status":"installing","vehicle_config":{"aux_park_lamps":"Eu","badge_version":0,\
        "can_accept_navigation_requests":true,"can_actuate_trunks":true,"car_special_type":"base","charge_port_type":"CCS","charge_port_type":"GB",\
        "cop_user_set_temp_supported":true,"dashcam_clip_save_supported":true,"default_charge_to_max":false,"driver_assist":"TeslaAP3",\
        "ece_restrictions":true,"efficiency_package":"Default","eu_vehicle":true,"exterior_trim":"Black","exterior_trim_override":"",\
        "has_air_suspension":false,"has_ludicrous_mode":false,"has_seat_cooling":false,"headlamp_type":"Global","interior_trim_type":"Black2",\
        "key_version":2,"motorized_charge_port":true,"paint_color_override":"","performance_package":"Base","plg":true,"pws":true,\
        "rear_drive_unit":"PM216MOSFET","rear_seat_heaters":1,"rear_seat_type":0,"rhd":false,"roof_color":"RoofColorGlass","seat_type":null,\
        "spoiler_type":"None","sun_roof_installed":null,"supports_qr_pairing":false,"third_row_seats":"None","use_range_badging":true,"utc_offset":28800,\
        "webcam_selfie_supported":true,"webcam_supported":true,"car_type":"models","car_type":"modelx","car_type":"modely",\
        {"response":{"id":149293,"user_id":,"vehicle_id":11263410,"vin":"LRW3E7EK1NC0000","display_name":"car","access_type":"OWNER","granular_access":\
        {"hide_private":false},"state":"asleep","state":"offline","state":"online","in_service":false,"id_s":"149293",\
        "drive_state":{"latitude":30.,"longitude":120.,"heading":180,"speed":null,"power":0,"shift_state":null,\
        "native_latitude":30.,"native_longitude":120.,"native_type":"wgs","native_type":"gcj","gps_as_of":17,"timestamp":17},\
        "charge_state":{"charging_state":"Charging","charging_state":"Disconnected","battery_level":67,"usable_battery_level":65,"battery_range":205.,\
        "est_battery_range":187.,"ideal_battery_range":205.,"charge_energy_added":0.0,"charger_power":0,"charger_voltage":0,"charger_actual_current":0,\
        "charger_phases":null,"charge_limit_soc":80,"time_to_full_charge":0.0,"fast_charger_present":false,"fast_charger_type":"<invalid>","timestamp":17},\
        "climate_state":{"inside_temp":22.5,"outside_temp":15.0,"is_climate_on":false,"is_preconditioning":false,"climate_keeper_mode":"off","timestamp":17},\
        "vehicle_state":{"odometer":7671.,"car_version":"2024.26.9 ","locked":true,"sentry_mode":false,"is_user_present":false,"df":0,"dr":0,"pf":0,"pr":0,\
        "ft":0,"rt":0,"fd_window":0,"fp_window":0,"rd_window":0,"rp_window":0,"tpms_pressure_fl":2.9,"tpms_pressure_fr":2.9,"tpms_pressure_rl":2.9,\
        "tpms_pressure_rr":2.9,"software_update":{"status":"","version":"","download_perc":0,"install_perc":1,"expected_duration_sec":2700},"timestamp":17},\
        "vehicle_config":{"car_type":"model3","trim_badging":"74d","exterior_color":"DeepBlue","wheel_type":"Pinwheel18","timestamp":17}}}
        """.utf8)
}

import Workers

/// Settings of the vehicles' logbook and of their places' addresses.
extension Settings {
    static let vehicleLogbook: [Setting] = [
        Setting(name: "HELIOGRAPH_VEHICLE_JOURNAL_DAYS", fallback: "400", meaning: "days that vehicles' raw answers are kept, 1 to 3650"),
        Setting(name: "GEOCODING_PROVIDER", fallback: "amap", meaning: "who names places: amap (abroad nominatim) or nominatim"),
        Setting(name: "AMAP_API_KEY", fallback: "", meaning: "key for amap; empty: amap is not asked", isSecret: true),
        Setting(name: "NOMINATIM_URL", fallback: "", meaning: "nominatim to ask; empty: OpenStreetMap's, where nominatim is the provider"),
        Setting(
            name: "HELIOGRAPH_GEOCODING_LANGUAGE", fallback: GeocodingSettings.usualLanguages, meaning: "languages of nominatim's addresses, as Accept-Language"
        ),
    ]

    /// Called where settings are read: a mistake in them is told at start.
    func geocoding() throws(UsageError) -> GeocodingSettings {
        func fail(_ name: String, _ rule: String) -> UsageError { UsageError("\(name)='\(self[name])' (from \(origin(name))) \(rule)") }
        guard let provider = GeocodingSettings.Provider(rawValue: self["GEOCODING_PROVIDER"]) else {
            throw fail("GEOCODING_PROVIDER", "must be amap or nominatim")
        }
        let url = self["NOMINATIM_URL"]
        guard url.isEmpty || ["http://", "https://"].contains(where: { url.hasPrefix($0) }) else {
            throw fail("NOMINATIM_URL", "must begin with https:// or http://")
        }
        let languages = self["HELIOGRAPH_GEOCODING_LANGUAGE"]
        guard !languages.isEmpty, languages.utf8.allSatisfy({ $0 > 0x1F && $0 < 0x7F }) else {
            throw fail("HELIOGRAPH_GEOCODING_LANGUAGE", "must be like de,en;q=0.5")
        }
        return GeocodingSettings(provider: provider, amapKey: self["AMAP_API_KEY"], nominatimURL: url, languages: languages)
    }
}

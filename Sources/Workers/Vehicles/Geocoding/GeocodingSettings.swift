/// Who is asked for addresses, and how.
public struct GeocodingSettings: Sendable, Hashable {
    public enum Provider: String, Sendable {
        case amap, nominatim
    }

    /// `GEOCODING_PROVIDER`.
    public var provider: Provider
    /// `AMAP_API_KEY`; empty: amap is not asked.
    public var amapKey: String
    public var amapURL: String
    /// `NOMINATIM_URL`, without a final slash. Empty: OpenStreetMap's own where nominatim is the provider; else places abroad, which amap does not know, are
    /// asked of nobody.
    public var nominatimURL: String
    /// `Accept-Language` of nominatim.
    public var languages: String

    public static let usualLanguages = "zh-CN,zh;q=0.9,en;q=0.5"

    public init(
        provider: Provider = .amap, amapKey: String = "", amapURL: String = "https://restapi.amap.com", nominatimURL: String = "",
        languages: String = usualLanguages
    ) {
        self.provider = provider
        self.amapKey = amapKey
        self.amapURL = amapURL
        self.nominatimURL = nominatimURL
        self.languages = languages
    }

    /// Whether anybody can be asked at all.
    public var isUsable: Bool { provider == .nominatim || !amapKey.isEmpty || !nominatimURL.isEmpty }

    /// The address of nominatim, where it may be asked.
    var nominatim: String? {
        if !nominatimURL.isEmpty { return nominatimURL.hasSuffix("/") ? String(nominatimURL.dropLast()) : nominatimURL }
        return provider == .nominatim ? NominatimAnswer.usualURL : nil
    }
}

/// What a geocoder's answer comes to.
enum PlaceAnswer: Equatable {
    case address(PlaceAddress)
    /// There is none, and there will be none: never ask again.
    case nothing
    /// It knows nothing of this part of the world; another may.
    case elsewhere
    /// Ask again then.
    case later(PlacePause, reason: String)
    /// Ask again, as after any failure.
    case failed(String)
    /// As long as nobody changes the settings it will not answer.
    case refused(String)
}

/// When a quota is full again.
enum PlacePause: Equatable {
    case nextSecond
    case nextMinute
    /// Beijing's.
    case nextDay
}

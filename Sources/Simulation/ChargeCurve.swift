import Glibc

/// A session's power over time: a ramp, constant current, a taper, then nothing until the vehicle leaves.
///
/// The delivered energy is kept exactly. Vehicles usually draw 75–88 % of the rating; where that would not deliver the energy in time the power goes up to
/// the usable share, then the taper and the ramp are shortened: the driver left in mid-charge.
public struct ChargeCurve: Hashable, Sendable {
    static let rampSeconds = 40.0
    /// From the plateau down to `tailShare` of it.
    static let taperSeconds = 1500.0
    static let tailShare = 0.10
    /// ln(1 / tailShare), and the mean of the exponential between.
    private static let decades = 2.302585092994046
    private static let taperMean = (1 - tailShare) / decades

    public let ramp: Double
    public let plateau: Double
    public let taper: Double
    public let plateauKw: Double

    /// Seconds from arrival until nothing flows any more.
    public var activeSeconds: Double { ramp + plateau + taper }

    /// Nil when the charger cannot deliver the energy in the time. `preference` (0…1) is where in the usual range this vehicle draws.
    public init?(energyKwh: Double, seconds: Double, charger: ChargerType, preference: Double = 0.5) {
        guard energyKwh > 0, seconds > 0 else { return nil }
        let usable = charger.ratedPowerKw * ChargerType.usableShare
        let wanted = charger.ratedPowerKw * (0.75 + (ChargerType.usableShare - 0.75) * min(max(preference, 0), 1))
        let energy = energyKwh * 3600
        for (power, share) in [(wanted, 1.0), (usable, 1.0), (usable, 0.3), (usable, 0.0)] {
            let taper = Self.taperSeconds * share
            let flat = energy / power - Self.rampSeconds / 2 - taper * Self.taperMean
            if flat >= 0, Self.rampSeconds + flat + taper <= seconds {
                (ramp, plateau, self.taper, plateauKw) = (Self.rampSeconds, flat, taper, power)
                return
            }
        }
        // Too little energy for the full shape: the same shape, smaller in time. Too much for a ramp: none.
        let unit = Self.rampSeconds / 2 + Self.taperSeconds * Self.taperMean
        let scale = energy / wanted / unit
        if scale < 1, scale * (Self.rampSeconds + Self.taperSeconds) <= seconds {
            (ramp, plateau, taper, plateauKw) = (scale * Self.rampSeconds, 0, scale * Self.taperSeconds, wanted)
            return
        }
        guard energy / usable <= seconds else { return nil }
        let ramp = min(Self.rampSeconds, 2 * (seconds - energy / usable))
        (self.ramp, plateau, taper, plateauKw) = (ramp, energy / usable - ramp / 2, 0, usable)
    }

    /// kW at a time since arrival.
    public func powerKw(at seconds: Double) -> Double {
        guard seconds >= 0, seconds < activeSeconds else { return 0 }
        if seconds < ramp { return plateauKw * seconds / ramp }
        let past = seconds - ramp - plateau
        return past < 0 ? plateauKw : plateauKw * exp(-Self.decades * past / taper)
    }
}

import Testing

@testable import Workers

@Suite struct FenceTests {
    @Test func aPointIsInsideWhenItIsNearerThanTheRadius() {
        let fence = Fence(number: 1, name: "home", latitude: 30, longitude: 120, radius: 100)
        // A degree of latitude has 111,195 m on this sphere.
        let metre = 1 / 111_195.08
        let fences = Fences([fence])
        #expect(fences.at(30 + 99.9 * metre, 120) == fence)
        #expect(fences.at(30 + 100.1 * metre, 120) == nil)
        #expect(fences.at(nil, 120) == nil)
        #expect(fences.at(30, nil) == nil)
    }

    @Test func distancesAreGreatCircles() {
        let distance = Fences.distance(30.2741, 120.1551, 31.2304, 121.4737)
        #expect(abs(distance - 165_000) < 1_000)
        #expect(abs(Fences.distance(0, 179.9995, 0, -179.9995) - 111.2) < 0.1)
        #expect(Fences.distance(30, 120, 30, 120) == 0)
    }

    @Test func ofSeveralFencesTheNearestCentreCounts() {
        let wide = Fence(number: 1, name: "town", latitude: 30, longitude: 120, radius: 4_999)
        let narrow = Fence(number: 2, name: "home", latitude: 30.01, longitude: 120, radius: 500)
        let fences = Fences([wide, narrow])
        #expect(fences.at(30.009, 120)?.name == "home")
        #expect(fences.at(30.001, 120)?.name == "town")
        // Nearer to home's centre than to the town's, and outside of home.
        #expect(fences.at(30.0055, 120.002)?.name == "town")
    }

    @Test(arguments: [
        (Fence.Tariff(billing: .perKwh, price: 0.25), 3.19), (Fence.Tariff(billing: .perMinute, price: 0.33), 6.27), (Fence.Tariff(fee: 7), 7.0),
        (Fence.Tariff(billing: .perKwh, price: 0.25, fee: 4.79), 7.98), (Fence.Tariff(billing: .perKwh, price: -0.15), -1.92),
    ])
    func costsAreThoseOfTheReference(_ tariff: Fence.Tariff, _ cost: Double) {
        #expect(ChargeCost.of(tariff, added: 12.77, used: 12.46, minutes: 19, isFreeFastCharger: false) == cost)
        #expect(ChargeCost.of(tariff, added: 12.77, used: 12.46, minutes: 19, isFreeFastCharger: true) == 0)
    }

    @Test func whatNobodyKnowsCostsNothingKnown() {
        #expect(ChargeCost.of(nil, added: 1, used: 1, minutes: 1, isFreeFastCharger: false) == nil)
        #expect(ChargeCost.of(Fence.Tariff(), added: 1, used: 1, minutes: 1, isFreeFastCharger: false) == nil)
        #expect(ChargeCost.of(Fence.Tariff(billing: .perKwh, price: 2), added: nil, used: nil, minutes: 1, isFreeFastCharger: false) == nil)
        #expect(ChargeCost.of(Fence.Tariff(billing: .perKwh, price: 2), added: nil, used: 3, minutes: 1, isFreeFastCharger: false) == 6)
    }
}

//! Numbers at random that are the same again for the same seed.
#![allow(dead_code, reason = "every test file uses a part of it")]

/// Seeded dice (xorshift).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        // Small seeds are spread, and 0 is no seed.
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            dice.draw();
        }
        dice
    }

    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number less than `below`.
    pub fn roll(&mut self, below: u64) -> u64 {
        (self.draw() >> 11) % below
    }

    /// A place in something of a size.
    pub fn index(&mut self, size: usize) -> usize {
        usize::try_from(self.roll(size as u64)).unwrap()
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Small numbers as often as ones twice as large, and those as often as ones four times as large, up to 2^`bits`.
    pub fn roll_widely(&mut self, bits: u64) -> u64 {
        let most = 1 << self.roll(bits + 1);
        1 + self.roll(most)
    }
}

//! Many record ids in few bytes.

/// Writes record ids as differences, seven bits a byte.
#[derive(Debug, Default)]
pub(crate) struct IdsWriter {
    bytes: Vec<u8>,
    last: i64,
}

impl IdsWriter {
    pub(crate) fn push(&mut self, id: i64) {
        let mut difference = id.wrapping_sub(self.last).cast_unsigned();
        self.last = id;
        while difference >= 0x80 {
            self.bytes.push(difference as u8 | 0x80);
            difference >>= 7;
        }
        self.bytes.push(difference as u8);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Record ids as [`IdsWriter`] wrote them, from a place on.
#[derive(Debug)]
pub(crate) struct Ids {
    bytes: Vec<u8>,
    /// The next byte, and the id before it.
    pub(crate) next: usize,
    pub(crate) last: i64,
}

impl Ids {
    pub(crate) fn at(bytes: Vec<u8>, next: usize, last: i64) -> Ids {
        Ids { bytes, next, last }
    }
}

impl Iterator for Ids {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let mut difference = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.next)?;
            self.next += 1;
            difference |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        self.last = self.last.wrapping_add(difference.cast_signed());
        Some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_come_back(mut ids in proptest::collection::vec(any::<i64>(), 0..50), stop in 0usize..50) {
            ids.sort_unstable();
            let mut writer = IdsWriter::default();
            ids.iter().for_each(|id| writer.push(*id));
            let bytes = writer.finish();
            let mut first = Ids::at(bytes.clone(), 0, 0);
            let stop = stop.min(ids.len());
            let mut found: Vec<i64> = first.by_ref().take(stop).collect();
            found.extend(Ids::at(bytes, first.next, first.last));
            prop_assert_eq!(found, ids);
        }
    }
}

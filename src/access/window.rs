//! A sliding window of 60 seconds over the calls that several processes make, in a small file beside the store.
//!
//! The times of the last calls stand in a ring, at least as large as the limit: with a limit of 20, one more call may be
//! made if the 20th last is a minute old. So the window slides exactly. To count a call takes a file lock, a read and two small writes, waits for no
//! writer of the store, and survives the end of the process; after a power failure the last seconds may be missing.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::store::Timestamp;

/// The largest limit: the file has eight bytes for each call.
pub(super) const MOST_CALLS: u32 = 1_000_000;

/// How long a call counts, in milliseconds.
const MINUTE: i64 = 60_000;

/// What the file begins with: this, the size of the ring, the place of the next call. All numbers have eight bytes.
const MARK: i64 = i64::from_le_bytes(*b"rnkcall1");
const HEAD: u64 = 24;
const PLACE: u64 = 16;

/// The calls of one group of users.
pub(super) struct Window {
    file: File,
}

/// A lock on the file, until dropped. Where there are no file locks, each process is by itself.
struct Locked<'a>(&'a File);

impl<'a> Locked<'a> {
    fn take(file: &'a File) -> Locked<'a> {
        if let Err(error) = file.lock() {
            log::debug!("calls are counted without a file lock: {error}");
        }
        Locked(file)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Window {
    pub(super) fn open(path: &Path) -> Result<Window> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        Ok(Window { file })
    }

    /// Counts a call, or tells after which time it may be made. The limit is from 1 to [`MOST_CALLS`].
    pub(super) fn count(&mut self, limit: u32, now: impl Fn() -> Timestamp) -> Result<Option<Duration>> {
        let _locked = Locked::take(&self.file);
        // Told under the lock, so that times stand in order.
        let now = now().0;
        let mut ring = Ring { file: &self.file };
        let (size, place) = match ring.head()? {
            Some((size, place)) if size >= i64::from(limit) => (size, place),
            other => ring.enlarge(other, i64::from(limit), now)?,
        };
        // The call before which as many were made as there may be.
        let at = (place + size - i64::from(limit)) % size;
        let oldest = ring.read(HEAD + at.unsigned_abs() * 8, 1)?.map_or(0, |time| time[0]);
        if counts(oldest, now) {
            let wait = (oldest + MINUTE - now).clamp(1, MINUTE);
            return Ok(Some(Duration::from_millis(wait.unsigned_abs())));
        }
        // The place first: a process that is killed between the two has one call more in the next minute, not one less.
        ring.write(PLACE, &[(place + 1) % size])?;
        ring.write(HEAD + place.unsigned_abs() * 8, &[now])?;
        Ok(None)
    }
}

/// Whether a call at `then` counts at `now`. One that lies ahead was made before the clock was set back; for a minute it
/// counts, so that setting the clock a little gives nobody more calls.
fn counts(then: i64, now: i64) -> bool {
    now.abs_diff(then) < MINUTE.unsigned_abs()
}

struct Ring<'a> {
    file: &'a File,
}

impl Ring<'_> {
    /// The size and the place of the next call; `None` when the file is no ring.
    fn head(&mut self) -> Result<Option<(i64, i64)>> {
        Ok(match self.read(0, 3)?.as_deref() {
            Some([MARK, size, place]) if (1..=i64::from(MOST_CALLS)).contains(size) && (0..*size).contains(place) => {
                Some((*size, *place))
            }
            _ => None,
        })
    }

    /// Makes a larger ring, of the calls that the one before had. It never shrinks: a limit that is lowered and raised
    /// again forgets nothing.
    fn enlarge(&mut self, old: Option<(i64, i64)>, size: i64, now: i64) -> Result<(i64, i64)> {
        let mut times = Vec::new();
        if let Some((size, place)) = old
            && let Some(mut ring) = self.read(HEAD, usize::try_from(size).unwrap_or(0))?
        {
            ring.rotate_left(usize::try_from(place).unwrap_or(0));
            times.extend(ring.into_iter().filter(|then| counts(*then, now)));
        }
        let place = i64::try_from(times.len()).unwrap_or(0) % size;
        times.resize(usize::try_from(size).unwrap_or(0), 0);
        self.file.set_len(HEAD + 8 * size.unsigned_abs())?;
        self.write(HEAD, &times)?;
        self.write(0, &[MARK, size, place])?;
        Ok((size, place))
    }

    /// Numbers at a byte of the file; `None` when it ends before.
    fn read(&mut self, at: u64, count: usize) -> Result<Option<Vec<i64>>> {
        let mut bytes = vec![0; count * 8];
        match read_at(self.file, &mut bytes, at) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let words =
            bytes.chunks_exact(8).map(|word| word.iter().rev().fold(0, |all, byte| all << 8 | i64::from(*byte)));
        Ok(Some(words.collect()))
    }

    fn write(&mut self, at: u64, numbers: &[i64]) -> Result<()> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(write_at(self.file, &bytes, at)?)
    }
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;

/// Every call of the Web API comes here: one system call each, where there is one for it.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    file.read_exact_at(bytes, at)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    file.write_all_at(bytes, at)
}

#[cfg(not(unix))]
use std::io::{Read as _, Seek as _, Write as _};

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    file.seek(std::io::SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    file.seek(std::io::SeekFrom::Start(at))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    struct Place {
        _dir: tempfile::TempDir,
        path: std::path::PathBuf,
        now: Cell<i64>,
    }

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            Place { path: dir.path().join("calls"), _dir: dir, now: Cell::new(1_800_000_000_000) }
        }

        fn count(&self, window: &mut Window, limit: u32) -> Option<u128> {
            window.count(limit, || Timestamp(self.now.get())).unwrap().map(|wait| wait.as_millis())
        }
    }

    #[test]
    fn the_window_slides() {
        let place = Place::new();
        let mut window = Window::open(&place.path).unwrap();
        for _ in 0..3 {
            assert_eq!(place.count(&mut window, 3), None);
            place.now.set(place.now.get() + 10_000);
        }
        assert_eq!(place.count(&mut window, 3), Some(30_000));
        // By another handle, as another process has it.
        let mut other = Window::open(&place.path).unwrap();
        place.now.set(place.now.get() + 29_999);
        assert_eq!(place.count(&mut other, 3), Some(1));
        place.now.set(place.now.get() + 1);
        assert_eq!(place.count(&mut other, 3), None);
        assert_eq!(place.count(&mut window, 3), Some(10_000));
    }

    #[test]
    fn a_damaged_file_and_a_clock_set_back_block_nobody_for_long() {
        let place = Place::new();
        for bytes in [&b"rubbish"[..], &[0xff; 4_000], &[0; 4_000], b""] {
            std::fs::write(&place.path, bytes).unwrap();
            let mut window = Window::open(&place.path).unwrap();
            assert_eq!(place.count(&mut window, 1), None);
            assert_eq!(place.count(&mut window, 1), Some(60_000));
        }
        let mut window = Window::open(&place.path).unwrap();
        place.now.set(place.now.get() - 3_600_000);
        assert_eq!(place.count(&mut window, 1), None);
        place.now.set(place.now.get() - 1_000);
        assert_eq!(place.count(&mut window, 1), Some(60_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// At no moment were there more calls within a minute than the limit, and no call was refused that had room; also
        /// when the limit changes between.
        #[test]
        fn as_many_calls_as_the_limit_in_any_minute(
            steps in prop::collection::vec((0..20_000i64, prop::option::weighted(0.1, 1..6u32)), 1..120),
        ) {
            let place = Place::new();
            let mut window = Window::open(&place.path).unwrap();
            let (mut limit, mut made) = (3u32, Vec::new());
            for (pause, change) in steps {
                place.now.set(place.now.get() + pause);
                limit = change.unwrap_or(limit);
                let now = place.now.get();
                let recent = made.iter().filter(|then| now - **then < MINUTE).count();
                let counted = place.count(&mut window, limit).is_none();
                if counted {
                    prop_assert!(recent < limit as usize);
                    made.push(now);
                } else {
                    prop_assert!(recent >= limit as usize);
                }
            }
        }
    }
}

//! Handles: numbers that look like pointers, so that a stale one is found out instead of followed.
//!
//! A handle is the number of a slot and how often that slot was given out. Slots are never returned to the system, so a
//! look at one is always sound; a handle that was closed, or never was one, does not fit its slot and is refused. Closing
//! while other threads are inside takes effect when the last of them leaves.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Code, Error, Result};

/// What handles stand for.
///
/// `KIND` is a number of its own for each type, and not 0.
pub(super) trait Noun: Send + Sync + 'static {
    /// The opaque type of the header.
    type Opaque;
    const KIND: u8;
    /// The word for messages.
    const NAME: &'static str;
    /// Whether one call at a time may use it.
    const EXCLUSIVE: bool;
}

/// A noun of which one call at a time has the use.
pub(super) trait ExclusiveNoun: Noun {}

/// How many bits of a handle say which slot.
const INDEX_BITS: u32 = usize::BITS / 2 + if usize::BITS < 64 { 4 } else { 0 };
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: u64 = (1 << (usize::BITS - INDEX_BITS)) - 1;

/// In the state of a slot: the generation above, then whether it is closed, then how many calls are inside.
const CLOSED: u64 = 1 << 31;
const USERS: u64 = CLOSED - 1;

struct Slot {
    state: AtomicU64,
    kind: AtomicU8,
    poisoned: AtomicBool,
    body: AtomicPtr<()>,
    /// How the body is dropped. Written before a slot is given out, and read after it was closed.
    discard: UnsafeCell<unsafe fn(*mut ())>,
}

// SAFETY: everything is atomic but `discard`, which only the one that gives a slot out or clears it touches.
unsafe impl Sync for Slot {}

impl Slot {
    const fn new() -> Slot {
        unsafe fn nothing(_: *mut ()) {}
        Slot {
            state: AtomicU64::new(CLOSED),
            kind: AtomicU8::new(0),
            poisoned: AtomicBool::new(false),
            body: AtomicPtr::new(std::ptr::null_mut()),
            discard: UnsafeCell::new(nothing),
        }
    }
}

const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = INDEX_BITS as usize - 7;

/// The slots, in chunks of growing size that stay where they are.
static SLOTS: [AtomicPtr<Slot>; CHUNKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS];

struct Free {
    /// Used again in the order in which they were freed, so that a stale handle stays stale for long.
    list: VecDeque<usize>,
    made: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { list: VecDeque::new(), made: 0 });
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many handles are open.
pub(super) fn open_count() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// The chunk of a slot and its place there.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2() as usize;
    (chunk, index - FIRST_CHUNK * ((1 << chunk) - 1))
}

#[inline]
fn slot(index: usize) -> Option<&'static Slot> {
    let (chunk, at) = place(index);
    let chunk = SLOTS.get(chunk)?.load(Ordering::Acquire);
    // SAFETY: a chunk that is there has the size that `place` divides by, and stays for ever.
    (!chunk.is_null()).then(|| unsafe { &*chunk.add(at) })
}

fn free_slot() -> usize {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    // Some closed slots are left alone, so that none is used again at once.
    if free.list.len() > FIRST_CHUNK / 2
        && let Some(index) = free.list.pop_front()
    {
        return index;
    }
    let index = free.made;
    let (chunk, at) = place(index);
    assert!(chunk < CHUNKS, "there are too many open handles");
    if at == 0 {
        let slots: Vec<Slot> = (0..FIRST_CHUNK << chunk).map(|_| Slot::new()).collect();
        let slots = Box::leak(slots.into_boxed_slice());
        SLOTS[chunk].store(slots.as_mut_ptr(), Ordering::Release);
    }
    free.made += 1;
    index
}

/// Gives out a handle.
pub(super) fn give<T: Noun>(body: T) -> *mut T::Opaque {
    unsafe fn discard<T>(body: *mut ()) {
        // SAFETY: `give` made it of a box of this type.
        drop(unsafe { Box::from_raw(body.cast::<T>()) });
    }
    let index = free_slot();
    let slot = slot(index).expect("it was just made");
    slot.body.store(Box::into_raw(Box::new(body)).cast(), Ordering::Relaxed);
    slot.kind.store(T::KIND, Ordering::Relaxed);
    slot.poisoned.store(false, Ordering::Relaxed);
    // SAFETY: nobody else has this slot: it is closed, and was taken from the list of free ones.
    unsafe { *slot.discard.get() = discard::<T> };
    let generation = slot.state.load(Ordering::Relaxed) >> 32;
    slot.state.store(generation << 32, Ordering::Release);
    OPEN.fetch_add(1, Ordering::Relaxed);
    let number = ((generation & GENERATION_MASK) as usize) << INDEX_BITS | (index + 1);
    std::ptr::without_provenance_mut(number)
}

/// A handle that a call uses. A call that ends by a panic poisons it.
pub(super) struct Handle<T: Noun> {
    slot: &'static Slot,
    index: usize,
    /// What the state was when this call came in, itself not counted.
    before: u64,
    was_panicking: bool,
    of: PhantomData<*const T>,
}

#[cold]
fn refused<T: Noun>(code: Code) -> Error {
    Error::new(code).with_rule(T::NAME)
}

/// Comes in, with `flag` set in the state.
#[inline]
fn enter<T: Noun>(handle: *const T::Opaque, flag: u64) -> Result<Handle<T>> {
    if handle.is_null() {
        return Err(refused::<T>(Code::NullPointer));
    }
    let number = handle.addr();
    let index = (number & INDEX_MASK).wrapping_sub(1);
    let generation = (number >> INDEX_BITS) as u64;
    let slot = slot(index).ok_or_else(|| refused::<T>(Code::BadHandle))?;
    let mut state = slot.state.load(Ordering::Acquire);
    loop {
        // The kind is that of this generation if the exchange below succeeds.
        if (state >> 32) & GENERATION_MASK != generation
            || state & CLOSED != 0
            || slot.kind.load(Ordering::Relaxed) != T::KIND
        {
            return Err(refused::<T>(Code::BadHandle));
        }
        if T::EXCLUSIVE && state & USERS != 0 {
            return Err(refused::<T>(Code::HandleInUse));
        }
        match slot.state.compare_exchange_weak(state, (state + 1) | flag, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => break,
            Err(other) => state = other,
        }
    }
    Ok(Handle { slot, index, before: state | flag, was_panicking: std::thread::panicking(), of: PhantomData })
}

/// The handle for a call.
#[inline]
pub(super) fn get<T: Noun>(handle: *const T::Opaque) -> Result<Handle<T>> {
    let handle = enter::<T>(handle, 0)?;
    match handle.slot.poisoned.load(Ordering::Relaxed) {
        true => Err(refused::<T>(Code::HandlePoisoned)),
        false => Ok(handle),
    }
}

/// As [`get`], also when it is poisoned: for what must be looked at before it is closed.
pub(super) fn get_poisoned<T: Noun>(handle: *const T::Opaque) -> Result<Handle<T>> {
    enter::<T>(handle, 0)
}

/// Closes a handle; NULL is none, and that is well.
pub(super) fn close<T: Noun>(handle: *const T::Opaque) -> Result<()> {
    if handle.is_null() {
        return Ok(());
    }
    let closed = enter::<T>(handle, CLOSED)?;
    OPEN.fetch_sub(1, Ordering::Relaxed);
    drop(closed);
    Ok(())
}

impl<T: Noun> Handle<T> {
    fn body(&self) -> *mut T {
        self.slot.body.load(Ordering::Relaxed).cast()
    }
}

impl<T: Noun> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the body is of this type, by its kind, and stays while a call is inside.
        unsafe { &*self.body() }
    }
}

impl<T: ExclusiveNoun> DerefMut for Handle<T> {
    fn deref_mut(&mut self) -> &mut T {
        const { assert!(T::EXCLUSIVE) };
        // SAFETY: as above; and no other call is inside.
        unsafe { &mut *self.body() }
    }
}

impl<T: Noun> Handle<T> {
    /// Drops the body of a handle that was closed, when the last call is leaving it.
    #[cold]
    fn clear(&self, state: u64) {
        let body = self.slot.body.swap(std::ptr::null_mut(), Ordering::Acquire);
        // SAFETY: it is closed and nobody is inside, so this is the last who sees the body.
        unsafe { (*self.slot.discard.get())(body) };
        let generation = (state >> 32).wrapping_add(1) & u64::from(u32::MAX);
        self.slot.state.store(generation << 32 | CLOSED, Ordering::Release);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).list.push_back(self.index);
    }
}

impl<T: Noun> Drop for Handle<T> {
    #[inline]
    fn drop(&mut self) {
        if std::thread::panicking() && !self.was_panicking {
            self.slot.poisoned.store(true, Ordering::Relaxed);
        }
        let state = if T::EXCLUSIVE {
            // Nobody else changes the state of a slot that one call has for itself.
            self.slot.state.store(self.before, Ordering::Release);
            self.before
        } else {
            self.slot.state.fetch_sub(1, Ordering::AcqRel) - 1
        };
        if state & CLOSED != 0 && state & USERS == 0 {
            self.clear(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    struct Shared(Arc<AtomicU32>);
    struct Single(u64);

    impl Noun for Shared {
        type Opaque = u8;
        const KIND: u8 = 201;
        const NAME: &'static str = "shared";
        const EXCLUSIVE: bool = false;
    }

    impl Noun for Single {
        type Opaque = u16;
        const KIND: u8 = 202;
        const NAME: &'static str = "single";
        const EXCLUSIVE: bool = true;
    }

    impl ExclusiveNoun for Single {}

    impl Drop for Shared {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn code<T: Noun>(result: Result<Handle<T>>) -> Code {
        result.err().unwrap().code()
    }

    #[test]
    fn closed_foreign_and_invented_handles_are_refused() {
        let dropped = Arc::new(AtomicU32::new(0));
        let handle = give(Shared(dropped.clone()));
        assert!(get::<Shared>(handle).is_ok());
        assert_eq!(code(get::<Single>(handle.cast())), Code::BadHandle);
        close::<Shared>(handle).unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        for _ in 0..200 {
            assert_eq!(code(get::<Shared>(handle)), Code::BadHandle);
            assert_eq!(close::<Shared>(handle).unwrap_err().code(), Code::BadHandle);
            // The slot may be given out again meanwhile.
            close::<Shared>(give(Shared(dropped.clone()))).unwrap();
        }
        assert_eq!(code(get::<Shared>(std::ptr::null())), Code::NullPointer);
        let local = 0u8;
        for number in [1, 2, 63, 64, 65, 12_345, usize::MAX, usize::MAX / 2, std::ptr::from_ref(&local).addr()] {
            let _ = get::<Single>(std::ptr::without_provenance(number));
        }
        assert!(close::<Shared>(std::ptr::null()).is_ok());
    }

    #[test]
    fn one_call_at_a_time_has_a_handle_for_itself() {
        let handle = give(Single(0));
        let inside = get::<Single>(handle).unwrap();
        assert_eq!(code(get::<Single>(handle)), Code::HandleInUse);
        assert_eq!(close::<Single>(handle).unwrap_err().code(), Code::HandleInUse);
        drop(inside);
        let number = handle.addr();
        let total: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(move || {
                        let handle = std::ptr::without_provenance(number);
                        (0..10_000)
                            .filter(|_| {
                                get::<Single>(handle).is_ok_and(|mut inside| {
                                    inside.0 += 1;
                                    true
                                })
                            })
                            .count() as u64
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(get::<Single>(handle).unwrap().0, total);
        close::<Single>(handle).unwrap();
    }

    #[test]
    fn a_handle_that_is_closed_while_others_are_inside_stays_until_they_leave() {
        let dropped = Arc::new(AtomicU32::new(0));
        let number = give(Shared(dropped.clone())).addr();
        let inside = get::<Shared>(std::ptr::without_provenance(number)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || close::<Shared>(std::ptr::without_provenance(number)).unwrap());
        });
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        assert_eq!(code(get::<Shared>(std::ptr::without_provenance(number))), Code::BadHandle);
        drop(inside);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn threads_that_open_use_and_close_never_meet_a_foreign_body() {
        let dropped = Arc::new(AtomicU32::new(0));
        let numbers: Vec<AtomicUsize> = (0..8).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..4usize {
                let (numbers, dropped) = (&numbers, &dropped);
                scope.spawn(move || {
                    for round in 0..5_000usize {
                        let at = (round * 7 + thread) % numbers.len();
                        let new = give(Shared(dropped.clone())).addr();
                        let old = numbers[at].swap(new, Ordering::AcqRel);
                        let other = numbers[(at + 3) % numbers.len()].load(Ordering::Acquire);
                        if let Ok(inside) = get::<Shared>(std::ptr::without_provenance(other)) {
                            assert!(Arc::ptr_eq(&inside.0, dropped));
                        }
                        if old != 0 {
                            close::<Shared>(std::ptr::without_provenance(old)).unwrap();
                        }
                    }
                });
            }
        });
        for number in numbers {
            let _ = close::<Shared>(std::ptr::without_provenance(number.into_inner()));
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 20_000);
    }

    #[test]
    fn a_panic_inside_poisons_the_handle_until_it_is_closed() {
        let handle = give(Single(7));
        let number = handle.addr();
        let caught = std::panic::catch_unwind(move || {
            let _inside = get::<Single>(std::ptr::without_provenance(number)).unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(caught.is_err());
        assert_eq!(code(get::<Single>(handle)), Code::HandlePoisoned);
        close::<Single>(handle).unwrap();
        assert_eq!(code(get::<Single>(handle)), Code::BadHandle);
    }

    #[test]
    fn places_do_not_overlap() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(place(index), expected);
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }
}

//! Versions

use std::ffi::c_char;
use std::sync::LazyLock;

/// The version of the ABI, raised whenever a function or a struct changes so that older programs must be compiled anew.
pub const RENKEI_ABI_VERSION: u32 = 1;

/// The version of the library, such as "0.1.0". Compare with RENKEI_VERSION, that of the header.
///
/// Rust: `CARGO_PKG_VERSION`
#[unsafe(no_mangle)]
pub extern "C" fn renkei_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library as a number: major * 1000000 + minor * 1000 + patch. Compare with RENKEI_VERSION_NUMBER.
///
/// Rust: `CARGO_PKG_VERSION`
#[unsafe(no_mangle)]
pub extern "C" fn renkei_version_number() -> u32 {
    let part = |text: &str| text.parse::<u32>().unwrap_or(0);
    part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
        + part(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The version of the ABI that the library has. A program that loads the library by hand refuses another one than
/// RENKEI_ABI_VERSION.
///
/// Rust: none
#[unsafe(no_mangle)]
pub extern "C" fn renkei_abi_version() -> u32 {
    RENKEI_ABI_VERSION
}

/// The version of SQLite inside, such as "3.54.1".
///
/// Rust: `rusqlite::version`
#[unsafe(no_mangle)]
pub extern "C" fn renkei_sqlite_version() -> *const c_char {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{}\0", rusqlite::version()));
    TEXT.as_ptr().cast()
}

//! What holds for everybody who comes with a token.

use serde::{Deserialize, Serialize};

use super::AddressRange;
use crate::error::Result;
use crate::store::Store;

/// The settings of access: how often, from where, and for how long it is remembered.
///
/// They hold for callers that come with a token ([`Store::authenticate`]). In a blueprint they stand under `access`:
///
/// ```
/// let blueprint = renkei::Blueprint::from_json(r#"{
///     "access": {
///         "calls_per_minute": 20,
///         "addresses": ["192.0.2.0/24", "2001:db8::/32"],
///         "trusted_proxies": ["127.0.0.1"],
///         "audit_days": 400
///     }
/// }"#)?;
/// assert_eq!(blueprint.access.unwrap().calls_per_minute, Some(20));
/// # Ok::<(), renkei::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSettings {
    /// How many calls all users together may make within any 60 seconds; `null` for any number. Default: 20.
    pub calls_per_minute: Option<u32>,
    /// From where calls may come; empty for anywhere, which is the default.
    pub addresses: Vec<AddressRange>,
    /// The proxies whose word about the address of the caller is taken. Default: none.
    pub trusted_proxies: Vec<AddressRange>,
    /// For how many days the audit log is kept, and tokens after their end. Default: 400.
    pub audit_days: u32,
}

impl Default for AccessSettings {
    fn default() -> AccessSettings {
        AccessSettings {
            calls_per_minute: Some(20),
            addresses: Vec::new(),
            trusted_proxies: Vec::new(),
            audit_days: 400,
        }
    }
}

impl Store {
    /// The settings of access, for the host and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AccessDenied`](crate::Code::AccessDenied).
    pub fn access(&self) -> Result<AccessSettings> {
        unimplemented!()
    }

    /// Changes the settings of access, as [`Store::apply`] does.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`].
    pub fn set_access(&self, settings: &AccessSettings) -> Result<()> {
        let _ = settings;
        unimplemented!()
    }
}

//! What holds for everybody who comes with a token.

use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::door::Roster;
use super::user::bounds_fault;
use super::{AddressRange, client_address};
use crate::error::{Code, Error, Result};
use crate::store::{self, Store};

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

/// The settings, if any were kept.
pub(crate) fn load(connection: &Connection) -> Result<Option<AccessSettings>> {
    let sql = "SELECT document FROM renkei_access WHERE id = 1";
    let document: Option<String> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    let read = |document: String| {
        serde_json::from_str(&document).map_err(|error| {
            Error::new(Code::StoreCorrupt).with_rule(format!("the settings of access are not readable: {error}"))
        })
    };
    document.map(read).transpose()
}

/// Keeps the settings; whether they differ from what was kept.
pub(crate) fn save(connection: &Connection, settings: &AccessSettings) -> Result<bool> {
    let refusal = |rule: String| Error::new(Code::DefinitionInvalid).with_name("access").with_rule(rule);
    for (ranges, calls) in [(&settings.addresses, settings.calls_per_minute), (&settings.trusted_proxies, None)] {
        if let Some(rule) = bounds_fault(ranges, calls) {
            return Err(refusal(rule));
        }
    }
    if settings.audit_days == 0 {
        return Err(refusal("audit_days is 0: the audit log is kept for a day at least".to_owned()));
    }
    if load(connection)?.as_ref() == Some(settings) {
        return Ok(false);
    }
    let document = serde_json::to_string(settings)
        .map_err(|error| Error::new(Code::Internal).with_rule("settings cannot be written").with_source(error))?;
    let sql = "INSERT INTO renkei_access (id, document) VALUES (1, ?1)
        ON CONFLICT (id) DO UPDATE SET document = excluded.document";
    connection.prepare_cached(sql)?.execute([document])?;
    store::definitions_changed(connection)?;
    Ok(true)
}

impl Store {
    /// The settings of access; the default ones as long as no [`Blueprint`](crate::Blueprint) has set them. For the host
    /// and administrators.
    ///
    /// # Errors
    ///
    /// [`Code::AdministratorOnly`].
    pub fn access(&self) -> Result<AccessSettings> {
        let reading = self.reading()?;
        super::demand_administrator(self, &reading, "access")?;
        Ok(Roster::of(self, &reading)?.settings.clone())
    }

    /// The address of a caller: that of the peer of the connection, or what a trusted proxy says in `X-Forwarded-For`; see
    /// [`client_address`](crate::client_address) and [`AccessSettings::trusted_proxies`].
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub fn client_address(&self, peer: IpAddr, forwarded_for: &str) -> Result<Option<IpAddr>> {
        let roster = Roster::of(self, &*self.reading()?)?;
        Ok(client_address(peer, forwarded_for, &roster.settings.trusted_proxies))
    }
}

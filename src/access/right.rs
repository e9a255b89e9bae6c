//! What a user may do in a database.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that a user may do in a database. No right includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See records: view, query, count, aggregate, read their files; and follow links to them from other databases.
    View,
    /// Register records.
    Register,
    /// Update records, approve them, and withdraw the approval.
    Update,
    /// Delete records.
    Delete,
    /// Upload files, reserve imports, see how they stand and what was rejected, end them.
    Import,
    /// Write records as CSV; with [`Right::View`], also send them: by CSV pushes, http sends and mails.
    Export,
    /// Change the definition of the database, its lists, searches, import settings, automations and what is sent from it: CSV
    /// pushes, http sends, mail templates.
    Manage,
}

impl Right {
    /// Every right.
    pub const ALL: [Right; 7] =
        [Right::View, Right::Register, Right::Update, Right::Delete, Right::Import, Right::Export, Right::Manage];

    /// The word for it in definitions and messages, such as `view`.
    pub fn as_str(self) -> &'static str {
        match self {
            Right::View => "view",
            Right::Register => "register",
            Right::Update => "update",
            Right::Delete => "delete",
            Right::Import => "import",
            Right::Export => "export",
            Right::Manage => "manage",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of rights. In JSON it is a list of their words, such as `["view", "export"]`.
///
/// ```
/// use renkei::{Right, Rights};
///
/// let rights = Rights::from([Right::View, Right::Export]);
/// assert!(rights.contains(Right::View) && !rights.contains(Right::Delete));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Rights(u8);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);
    /// Every right.
    pub const ALL: Rights = Rights(0x7f);

    /// Whether `right` is among them.
    pub fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These rights, and `right`.
    pub fn with(self, right: Right) -> Rights {
        Rights(self.0 | right.bit())
    }

    /// The rights that are in one of the two.
    pub fn union(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// Each right, in the order of [`Right::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }

    pub(super) fn to_bits(self) -> i64 {
        i64::from(self.0)
    }

    pub(super) fn from_bits(bits: i64) -> Rights {
        Rights(u8::try_from(bits & i64::from(Rights::ALL.0)).unwrap_or(0))
    }
}

impl<const N: usize> From<[Right; N]> for Rights {
    fn from(rights: [Right; N]) -> Rights {
        rights.into_iter().collect()
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Rights {
        Rights(right.bit())
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Rights {
        rights.into_iter().fold(Rights::NONE, Rights::with)
    }
}

impl std::fmt::Debug for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rights, D::Error> {
        let list = Vec::<Right>::deserialize(deserializer)?;
        let rights: Rights = list.iter().copied().collect();
        match rights.iter().count() == list.len() {
            true => Ok(rights),
            false => Err(D::Error::custom("a right stands twice")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_rights_read_back() {
        for bits in 0..=Rights::ALL.0 {
            let rights = Rights(bits);
            let json = serde_json::to_string(&rights).unwrap();
            assert_eq!(serde_json::from_str::<Rights>(&json).unwrap(), rights);
            assert_eq!(Rights::from_bits(rights.to_bits()), rights);
            assert_eq!(rights.iter().collect::<Rights>(), rights);
        }
        assert!(serde_json::from_str::<Rights>(r#"["view","view"]"#).is_err());
        assert!(serde_json::from_str::<Rights>(r#"["admin"]"#).is_err());
        let words: Vec<String> = Right::ALL.iter().map(|right| format!("\"{}\"", right.as_str())).collect();
        assert_eq!(serde_json::to_string(&Rights::ALL).unwrap(), format!("[{}]", words.join(",")));
    }
}

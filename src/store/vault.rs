//! Where secrets come from: sealed in the file by a key of the host, or kept by the host itself.

use std::sync::Arc;

/// Secrets that the host keeps outside the store, such as in a key management service.
pub trait SecretVault: Send + Sync {
    /// The secret of a name; `None` when there is none. Asked at each attempt to send something with it.
    ///
    /// # Errors
    ///
    /// A sentence for people, without the secret in it, when the vault cannot be asked at present.
    fn secret(&self, name: &str) -> Result<Option<String>, String>;
}

type Key = dyn Fn() -> Result<[u8; 32], String> + Send + Sync;

/// How the secrets of a store are kept.
#[derive(Clone, Default)]
pub(crate) enum Secrets {
    /// There is no key, so no secret can be kept or read.
    #[default]
    None,
    Sealed(Arc<Key>),
    Outside(Arc<dyn SecretVault>),
}

//! Look-ups of host names, bounded in time, and judged before anybody connects.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::policy::NetworkPolicy;
use super::url::Host;
use crate::error::{Code, Error, Result, Words, io_words, words};

/// Looks up host names. A host may bring its own, for tests or for names that the system does not know.
pub trait Resolver: Send + Sync {
    /// The addresses of a name, best first. Called on a thread of its own, and not waited for for ever.
    ///
    /// # Errors
    ///
    /// When the name is not known, or nobody can say.
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// Look-ups by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }
}

/// The one door to the network: what may be connected to is said here, at each connection.
#[derive(Clone)]
pub(crate) struct Gate {
    policy: Arc<NetworkPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl Gate {
    pub(crate) fn new(policy: NetworkPolicy, resolver: Arc<dyn Resolver>) -> Gate {
        Gate { policy: Arc::new(policy), resolver }
    }

    pub(crate) fn policy(&self) -> &NetworkPolicy {
        &self.policy
    }

    /// The addresses to which a connection may be made.
    ///
    /// # Errors
    ///
    /// [`Code::HostUnknown`], [`Code::AddressRefused`] when none of the addresses is allowed.
    pub(crate) fn addresses(&self, host: &Host, port: u16, until: Instant) -> Result<Vec<SocketAddr>> {
        let found = self.look_up(host, until)?;
        let mut refusal = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.policy.judge(host, address) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(error) => refusal = Some(error),
            }
        }
        match (allowed.is_empty(), refusal) {
            (true, Some(refusal)) => Err(refusal),
            (true, None) => Err(unknown(host, words!("アドレスがありません", "it has no address"))),
            (false, _) => Ok(allowed),
        }
    }

    /// The addresses of a host that the operator named himself: looked up, not judged.
    #[cfg(feature = "http")]
    pub(crate) fn unjudged(&self, host: &Host, port: u16, until: Instant) -> Result<Vec<SocketAddr>> {
        let found = self.look_up(host, until)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    fn look_up(&self, host: &Host, until: Instant) -> Result<Vec<IpAddr>> {
        let name = match host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name.clone(),
        };
        // The system's look-up cannot be ended. A thread that hangs in it is left to itself.
        let (sender, receiver) = mpsc::sync_channel(1);
        let resolver = self.resolver.clone();
        let look = move || {
            let _ = sender.send(resolver.resolve(&name));
        };
        std::thread::Builder::new().name("renkei-lookup".to_owned()).spawn(look)?;
        let left = until.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.max(Duration::from_millis(1))) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(unknown(host, io_words(&error)).with_source(error)),
            Err(RecvTimeoutError::Timeout) => {
                Err(unknown(host, words!("時間がかかりすぎました", "the look-up takes too long")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(unknown(host, words!("途中で終わりました", "the look-up broke off")))
            }
        }
    }
}

fn unknown(host: &Host, rule: Words) -> Error {
    let shown = match host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    };
    Error::new(Code::HostUnknown).with_value(shown).with_rule(rule)
}

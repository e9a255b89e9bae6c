//! The messages of writers: what came of them, and whether it is what was asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use renkei::{DeliveryState, Store};

use crate::common_http;
use crate::ledger::{Deed, Ledger, bytes_of};
use crate::pushes::{DEED, judge_body};

/// The messages that a receiver got, by writer and number of the deed.
#[derive(Default)]
pub struct Received(HashMap<(u64, u64), Came>);

/// What came of one deed.
#[derive(Default)]
struct Came {
    /// Before how many others' first ones its first one came.
    place: usize,
    /// The ids, and how often they came.
    ids: BTreeMap<String, u64>,
    bodies: BTreeSet<Vec<u8>>,
}

impl Received {
    /// All that came, in the order in which it did.
    pub fn of(messages: Vec<common_http::Received>) -> Received {
        let mut received = Received::default();
        for message in messages {
            // A push tells by a header whose it is, anything else by its path.
            let name = if message.path == "/push" { message.header(DEED) } else { &message.path[1..] };
            let mut parts = name.split('/').map(|part| part.parse().unwrap());
            let deed = (parts.next().unwrap(), parts.next().unwrap());
            let place = received.0.len();
            let came = received.0.entry(deed).or_insert_with(|| Came { place, ..Came::default() });
            *came.ids.entry(message.header("webhook-id").to_owned()).or_default() += 1;
            // Who dies while he sends leaves a part.
            if message.header("content-length") == message.body.len().to_string() {
                came.bodies.insert(message.body);
            }
        }
        received
    }

    /// How many deeds it heard of.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Every message arrived with the id and the bytes that it was made with, in order where that was asked for, and none
    /// that nobody made; how many came twice.
    pub fn judge(&self, store: &Store, ledgers: &[Ledger]) -> u64 {
        let mut duplicates = 0;
        let mut made = HashSet::new();
        for ledger in ledgers {
            let withdrawn: HashSet<u64> = ledger
                .entries
                .iter()
                .filter_map(|entry| match entry.deed {
                    Deed::Withdraw { of } => Some(of),
                    _ => None,
                })
                .collect();
            let mut in_order = Vec::new();
            for entry in ledger.entries.iter().filter(|entry| entry.is_done()) {
                let id = match entry.deed {
                    Deed::Deliver { .. } | Deed::Together { .. } => entry.answer().parse().unwrap(),
                    Deed::Push => store.push_run(entry.answer().parse().unwrap()).unwrap().delivery_id.unwrap(),
                    _ => continue,
                };
                let status = store.delivery(id).unwrap();
                let deed = (ledger.writer, entry.number);
                made.insert(deed);
                if status.state != DeliveryState::Delivered {
                    let may_be = status.state == DeliveryState::Cancelled && withdrawn.contains(&entry.number);
                    assert!(may_be, "{entry:?}: {status:?}");
                    // It may have come before.
                    continue;
                }
                let came = self.0.get(&deed).unwrap_or_else(|| panic!("{entry:?}: no message came"));
                assert!(came.ids.keys().eq([&status.message_id]), "{entry:?}: {:?}", came.ids);
                assert_eq!(came.bodies.len(), 1, "{entry:?}: other bytes");
                let body = came.bodies.first().unwrap();
                let title = ledger.title(entry.number);
                let own = |bytes: u64| assert!(*body == bytes_of(&title, bytes), "{entry:?}: other bytes");
                match entry.deed {
                    Deed::Deliver { bytes } => own(bytes),
                    Deed::Together { .. } => own(TOGETHER_BYTES),
                    _ => judge_body(body, entry, ledger.writer, &ledger.entries),
                }
                duplicates += came.ids[&status.message_id] - 1;
                if let Deed::Together { in_order: true, .. } = entry.deed {
                    in_order.push((came.place, entry.number));
                }
            }
            assert!(in_order.is_sorted(), "those of writer {} came out of order: {in_order:?}", ledger.writer);
        }
        let nobodys = self.0.keys().find(|deed| !made.contains(*deed));
        assert_eq!(nobodys, None, "a message of a deed that did not happen");
        duplicates
    }
}

/// The size of a message that tells of an order.
pub const TOGETHER_BYTES: u64 = 100;

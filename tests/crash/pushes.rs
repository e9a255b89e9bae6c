//! CSV pushes of writers: each sends the accounts of its writer as they were, once, and notes in them afterwards that it did.

use std::collections::{BTreeMap, HashSet};

use renkei::{Blueprint, Code, CsvPush, DeliveryState, Error, JobState, List, MenuEntry, PushRequest, Sending, Store};

use crate::ledger::{Deed, Entry};
use crate::work::{ACCOUNTS, account};

/// The header by which receivers know the deed.
pub const DEED: &str = "x-deed";

/// The push of accounts, and the list from whose menu it is started.
pub fn blueprint(blueprint: Blueprint, url: &str, sending: Sending) -> Blueprint {
    let push = CsvPush::new("accounts", "post", "口座の連携", format!("{url}/push"))
        .pair(DEED, "${@memo}")
        .after_success("sent", "${@memo}")
        .sending(sending);
    let list = List::new("accounts", "all", "全件").column("code").column("amount");
    blueprint.csv_push(push).list(list.sub_menu(MenuEntry::CsvPush("post".into())))
}

/// What is sent with a push, and noted in its records.
pub fn memo(writer: u64, number: u64) -> String {
    format!("{writer}/{number}")
}

/// Starts a push of the writer's accounts: the same run, however often it is asked for.
pub fn start(store: &Store, writer: u64, number: u64, title: &str) -> Result<i64, Error> {
    let own = (0..ACCOUNTS).map(|number| account(writer, number));
    let request = PushRequest::new("accounts", "all", "post").records(own).memo(memo(writer, number)).token(title);
    Ok(store.push(&request)?.run_id)
}

/// Judges one run; whether it was given up.
pub fn judge_push(store: &Store, entry: &Entry, at_the_end: bool) -> bool {
    let run = store.push_run(entry.answer().parse().unwrap()).unwrap();
    assert_eq!((run.records, run.lines), (ACCOUNTS, ACCOUNTS), "{entry:?}: {run:?}");
    assert_eq!(run.not_updated, 0, "{entry:?}: {run:?}");
    match run.state {
        JobState::Completed => {
            assert_eq!(run.delivery_state, Some(DeliveryState::Delivered), "{entry:?}: {run:?}");
            assert_eq!(run.updated, ACCOUNTS, "{entry:?}: {run:?}");
        }
        JobState::Failed => {
            let code = run.error.as_ref().map(|error| error.code.as_str());
            assert_eq!(code, Some(Code::JobGivenUp.as_str()), "{entry:?}: {run:?}");
            return true;
        }
        _ => assert!(!at_the_end, "{entry:?}: {run:?}"),
    }
    false
}

/// A body has the accounts as they were after these deeds.
pub fn judge_body(body: &[u8], entry: &Entry, writer: u64, before: &[Entry]) {
    let mut wanted: BTreeMap<String, u64> = (0..ACCOUNTS).map(|number| (account(writer, number), 0)).collect();
    for before in before.iter().filter(|before| before.is_done() && before.number < entry.number) {
        if let Deed::Account { account: which } = before.deed {
            wanted.insert(account(writer, which), before.number);
        }
    }
    let sent: BTreeMap<String, u64> = csv::Reader::from_reader(body)
        .records()
        .map(Result::unwrap)
        .map(|line| (line[0].to_owned(), line[1].split('.').next().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(sent, wanted, "{entry:?}: other accounts were sent");
}

/// The accounts tell which push has sent them: one that came to updating them.
pub fn judge_notes(store: &Store, writer: u64, entries: &[&Entry]) {
    let (mut begun, mut is_any_complete) = (HashSet::new(), false);
    for entry in entries.iter().filter(|entry| entry.is_done() && matches!(entry.deed, Deed::Push)) {
        let run = store.push_run(entry.answer().parse().unwrap()).unwrap();
        if run.updated > 0 {
            begun.insert(run.memo);
        }
        is_any_complete |= run.updated == ACCOUNTS;
    }
    for number in 0..ACCOUNTS {
        let found = store.records("accounts").view(account(writer, number)).unwrap();
        let sent = found.text("sent");
        assert!(begun.contains(&sent) || sent.is_empty() && !is_any_complete, "{}: {begun:?}", found.to_json());
    }
}

//! Definitions as JSON: what is taken is written as it was, is planned as it is applied, is dumped as it was applied, and
//! leaves a sound store; what is refused changes nothing.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use renkei::{Blueprint, Store, Values};
use renkei_fuzz::{Stand, refusal, sound, stand};

thread_local!(static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) });

fn made() -> Stand {
    Stand::new(&Blueprint::new())
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let blueprint = match Blueprint::from_json(text) {
        Ok(blueprint) => blueprint,
        Err(error) => return refusal(&error),
    };
    let json = blueprint.to_json();
    let again = Blueprint::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(again.to_json(), json);
    stand(&STAND, made, |stand| {
        let empty = stand.store.blueprint().unwrap();
        let plan = stand.store.plan(&blueprint);
        assert_eq!(stand.store.blueprint().unwrap(), empty, "a plan changes nothing");
        match plan {
            Err(planned) => {
                refusal(&planned);
                let refused = stand.store.apply(&blueprint).unwrap_err();
                assert_eq!(refused.code(), planned.code());
                assert_eq!(refused.to_string(), planned.to_string());
                assert_eq!(stand.store.blueprint().unwrap(), empty, "what is refused changes nothing");
            }
            Ok(planned) => {
                let path = stand.path("other.db");
                for name in ["other.db", "other.db-wal", "other.db-shm", "other.db-turn"] {
                    let _ = std::fs::remove_file(stand.path(name));
                }
                let store = Store::create(&path).unwrap();
                let applied =
                    store.apply(&blueprint).unwrap_or_else(|error| panic!("{error:?}, though it was planned"));
                assert_eq!(applied, planned);
                use_it(&store);
            }
        }
    });
});

fn use_it(store: &Store) {
    let dump = store.blueprint().unwrap();
    let again = store.apply(&dump).unwrap_or_else(|error| panic!("{error:?}: {}", dump.to_json()));
    assert!(again.is_empty(), "what was dumped is there already: {again:?}");
    assert_eq!(store.blueprint().unwrap(), dump);
    assert_eq!(Blueprint::from_json(&dump.to_json()).unwrap().to_json(), dump.to_json());
    for database in &dump.databases {
        let empty = store.records(&database.code).register(&Values::new());
        if let Err(error) = empty {
            refusal(&error);
        }
        store.export(&renkei::Export::of(database.code.as_str()), std::io::sink()).unwrap();
    }
    sound(store);
}

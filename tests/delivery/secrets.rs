//! Secrets are sent and nowhere seen; messages are signed.

use std::sync::Arc;

use renkei::{Auth, Code, DeliveryState, Escape, NewDelivery, Sending, Signing, SlottedText, WebhookVerifier, Worker};

use crate::common::{Fixture, NOW};
use crate::common_http::*;
use crate::fixture::*;

fn with_secrets() -> Fixture {
    Fixture::with(|options| {
        options.secret_key([9; 32]);
    })
}

#[test]
fn secrets_are_sent_and_nowhere_else_to_be_seen() {
    const SECRETS: [(&str, &str); 5] = [
        ("token", "tok-0123456789-abc"),
        ("password", "p@ss wörd/&?"),
        ("query", "k=ey&/1 2"),
        ("inner", "in\"side\\"),
        ("own", "own-header-value"),
    ];
    let fixture = with_secrets();
    for (name, value) in SECRETS {
        fixture.store.put_secret(name, value).unwrap();
    }
    // A receiver that sends everything back.
    let receiver = Receiver::start(|one, _| {
        let body = format!("{} {:?} {}", one.path, one.headers, String::from_utf8_lossy(&one.body));
        answer(400, &[("Location", one.header("authorization"))], body)
    });
    let mut url = SlottedText::from(receiver.url("/call?key="));
    url.push_secret("query", Escape::Url);
    let mut json = SlottedText::from("{\"k\":\"");
    json.push_secret("inner", Escape::Json);
    json.push_str("\"}");
    let (bytes, slots) = json.into_parts();
    let mut own = SlottedText::from("Key ");
    own.push_secret("own", Escape::None);
    let auths = [
        Auth::Basic { user: "利用者".to_owned(), password: "password".to_owned() },
        Auth::Bearer { token: "token".to_owned() },
        Auth::Header { name: "X-Token".to_owned(), value: "token".to_owned() },
    ];
    let ids = auths.map(|auth| {
        let mut delivery = NewDelivery::post(url.clone()).header("X-Own", own.clone());
        delivery.body = renkei::Body::Bytes(bytes.clone().into_bytes(), slots.clone());
        delivery.sending = Sending { auth: Some(auth), ..once() };
        fixture.store.deliver(&delivery).unwrap()
    });
    Worker::new(&fixture.store).network(local()).senders(1).run_until_idle().unwrap();
    let received = receiver.received();
    assert_eq!(received[0].path, "/call?key=k%3Dey%26%2F1%202");
    assert_eq!(received[0].text(), "{\"k\":\"in\\\"side\\\\\"}");
    assert_eq!(received[0].header("x-own"), "Key own-header-value");
    assert_eq!(received[0].header("authorization"), "Basic 5Yip55So6ICFOnBAc3Mgd8O2cmQvJj8=");
    assert_eq!(received[1].header("authorization"), "Bearer tok-0123456789-abc");
    assert_eq!(received[2].header("x-token"), "tok-0123456789-abc");
    let shown = ids.map(|id| {
        let status = fixture.store.delivery(id).unwrap();
        assert_eq!(status.url, receiver.url("/call?key=[secret query]"));
        let attempts = fixture.store.attempts(id).unwrap();
        assert!(String::from_utf8_lossy(&attempts[0].answer).contains("[secret]"));
        format!("{status:?} {attempts:?} {}", serde_json::to_string(&attempts).unwrap())
    });
    fixture.sqlite().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let file = std::fs::read(fixture.path()).unwrap();
    let spellings = ["5Yip55So6ICFOnBAc3Mgd8O2cmQvJj8=", "k%3Dey%26%2F1%202", "in\\\"side\\\\"];
    for secret in SECRETS.iter().map(|(_, value)| *value).chain(spellings) {
        assert!(memchr::memmem::find(&file, secret.as_bytes()).is_none(), "{secret} is in the file");
        assert!(shown.iter().all(|shown| !shown.contains(secret)), "{secret} is shown");
    }
}

#[test]
fn secrets_that_are_not_there_fail_before_sending() {
    struct Vault;
    impl renkei::SecretVault for Vault {
        fn secret(&self, name: &str) -> Result<Option<String>, String> {
            match name {
                "there" => Ok(Some("from outside".to_owned())),
                "locked" => Err("the vault is locked".to_owned()),
                "broken" => Ok(Some("two\r\nlines".to_owned())),
                _ => Ok(None),
            }
        }
    }
    let receiver = Receiver::start(|_, _| ok());
    let fixture = Fixture::with(|options| {
        options.secret_vault(Arc::new(Vault));
    });
    let ids = ["there", "locked", "broken", "missing"].map(|name| {
        let auth = Some(Auth::Bearer { token: name.to_owned() });
        let delivery = NewDelivery::post(receiver.url("/")).sending(Sending { auth, ..Sending::default() });
        fixture.store.deliver(&delivery).unwrap()
    });
    run(&fixture.store);
    assert_eq!(receiver.received()[0].header("authorization"), "Bearer from outside");
    assert_eq!(receiver.count(), 1);
    let outcomes = ids.map(|id| {
        let (state, _, _, code) = outcome(&fixture.store, id);
        (state, code)
    });
    use DeliveryState::{Delivered, Failed, Waiting};
    let expected =
        [(Delivered, ""), (Waiting, "secret.key"), (Failed, "delivery.invalid"), (Failed, "secret.not_found")];
    assert_eq!(outcomes, expected.map(|(state, code)| (state, code.to_owned())));
    assert_eq!(fixture.store.put_secret("a", "b").unwrap_err().code(), Code::SecretKey);
    // The fault is on this side: the target is not blamed.
    assert_eq!(fixture.store.targets().unwrap()[0].failures, 0);
}

#[test]
fn messages_are_signed_by_every_secret_in_rotation() {
    let fixture = with_secrets();
    let (old, new) = (fixture.store.new_signing_secret(), fixture.store.new_signing_secret());
    fixture.store.put_secret("sign-old", &old).unwrap();
    fixture.store.put_secret("sign-new", &new).unwrap();
    let receiver = Receiver::start(|_, _| ok());
    let signing = Some(Signing { secrets: vec!["sign-new".to_owned(), "sign-old".to_owned()] });
    let sending = Sending { signing, ..Sending::default() };
    let large = vec![b'z'; 700_000];
    let file = fixture.store.put_file("large", &large[..]).unwrap();
    let deliveries = [
        NewDelivery::post(receiver.url("/")).body("短い本文"),
        NewDelivery::post(receiver.url("/")).file(file.id),
        NewDelivery::post(receiver.url("/")),
    ];
    for delivery in deliveries {
        fixture.store.deliver(&delivery.sending(sending.clone())).unwrap();
    }
    run(&fixture.store);
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    for one in &received {
        for secret in [&old, &new] {
            let verifier = WebhookVerifier::new().secret(secret).unwrap();
            let [id, time, signature] =
                ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| one.header(name));
            verifier.verify(id, time, signature, &one.body, NOW).unwrap();
            assert!(verifier.verify(id, time, signature, b"other", NOW).is_err());
        }
    }
}

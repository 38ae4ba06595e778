//! The frames that never change between versions, byte for byte.

use serde_json::{Value, json};
use warroom::domain::CommandId;
use warroom::engine::Answer;
use warroom::wire::{FromKeeper, ToKeeper};

#[test]
fn a_rollback_is_asked_for_in_the_same_words_by_every_version() {
    let frame =
        ToKeeper::Rollback { id: CommandId(7), reason: Some("data corruption".into()), typed: Some("checkout".into()) };
    let words = json!({"ask": "rollback", "id": 7, "reason": "data corruption", "typed": "checkout"});
    assert_eq!(serde_json::to_value(&frame).expect("encodes"), words);
    assert_eq!(serde_json::from_value::<ToKeeper>(words).expect("decodes"), frame);
    // A later version may add fields; this one reads past them.
    let later = json!({"ask": "rollback", "id": 7, "reason": null, "typed": null, "colour": "red"});
    let read = serde_json::from_value::<ToKeeper>(later).expect("decodes");
    assert_eq!(read, ToKeeper::Rollback { id: CommandId(7), reason: None, typed: None });
}

#[test]
fn a_status_is_asked_for_in_the_same_words_by_every_version() {
    assert_eq!(serde_json::to_value(ToKeeper::Status).expect("encodes"), json!({"ask": "status"}));
}

#[test]
fn answers_have_the_same_words_in_every_version() {
    let words = |answer| serde_json::to_value(FromKeeper::Answer { id: CommandId(7), answer }).expect("encodes");
    let applied = json!({"is": "answer", "id": 7, "answer": {"applied": "rolling back to BLUE"}});
    assert_eq!(words(Answer::Applied("rolling back to BLUE".into())), applied);
    let refused = json!({"is": "answer", "id": 7, "answer": {"refused": ["read-only console"]}});
    assert_eq!(words(Answer::Refused(vec!["read-only console".into()])), refused);
}

#[test]
fn what_is_not_a_frame_is_an_error_and_no_panic() {
    for nonsense in [
        json!(null),
        json!([]),
        json!({"ask": "dance"}),
        json!({"ask": "rollback"}),
        json!({"ask": "rollback", "id": -1}),
    ] {
        assert!(serde_json::from_value::<ToKeeper>(Value::clone(&nonsense)).is_err(), "{nonsense}");
    }
}

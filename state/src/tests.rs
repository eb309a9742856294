use crate::{Error, Result, State, ordered};

fn names(state: &State, collection: &str) -> Vec<String> {
    let records: Vec<(String, String)> = state.list(collection).expect("readable");
    records.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn records_come_back_after_opening_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = State::open(folder.path()).expect("opens");
    state.put("cursors", "b", &7_u64).expect("written");
    state.put("cursors", "a", &8_u64).expect("written");
    state.put("other", "a", &9_u64).expect("written");
    drop(state);
    let state = State::open(folder.path()).expect("opens");
    let held: Vec<(String, u64)> = state.list("cursors").expect("readable");
    assert_eq!(held, [("a".to_owned(), 8), ("b".to_owned(), 7)]);
    assert!(state.remove("cursors", "a").expect("removed"));
    assert!(!state.remove("cursors", "a").expect("removed"));
    assert_eq!(state.get::<u64>("cursors", "a").expect("readable"), None);
}

#[test]
fn a_change_happens_as_a_whole_or_not_at_all() {
    let state = State::in_memory().expect("opens");
    let refused: Result<()> = state.write(|changes| {
        changes.put("alerts", "a", &"firing")?;
        assert_eq!(changes.next_number("outbox")?, 1);
        Err(Error::Refused("no".into()))
    });
    assert!(refused.is_err());
    assert!(names(&state, "alerts").is_empty());
    let number = state
        .write(|changes| changes.next_number("outbox"))
        .expect("written");
    assert_eq!(number, 1);
}

#[test]
fn another_process_reads_and_writes_beside_us() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = State::open_read_only(folder.path()).expect("opens");
    assert!(names(&empty, "silences").is_empty());
    let server = State::open(folder.path()).expect("opens");
    server.put("silences", "1", &"x").expect("written");
    let reader = State::open_read_only(folder.path()).expect("opens");
    assert_eq!(names(&reader, "silences"), ["1"]);
    assert!(reader.put("silences", "2", &"x").is_err());
    let other = State::open(folder.path()).expect("opens");
    other.put("silences", "2", &"x").expect("written");
    assert_eq!(names(&server, "silences"), ["1", "2"]);
    assert_eq!(names(&reader, "silences"), ["1", "2"]);
}

#[test]
fn ranges_and_trimming_follow_the_order_of_keys() {
    let state = State::in_memory().expect("opens");
    for number in [1, 2, 9, 10, 11] {
        state
            .put("log", &ordered(number), &number.to_string())
            .expect("written");
    }
    let page: Vec<(String, String)> = state
        .read(|view| view.after("log", &ordered(2), 2))
        .expect("readable");
    assert_eq!(
        page.iter().map(|(_, it)| it.as_str()).collect::<Vec<_>>(),
        ["9", "10"]
    );
    let below: Vec<(String, String)> = state
        .read(|view| view.below("log", "0000000000000000001"))
        .expect("readable");
    assert_eq!(below.len(), 2);
    let removed = state
        .write(|changes| changes.trim("log", 2))
        .expect("trimmed");
    assert_eq!(removed, 3);
    assert_eq!(names(&state, "log"), [ordered(10), ordered(11)]);
    assert_eq!(state.read(|view| view.count("log")).expect("counted"), 2);
}

#[test]
fn what_is_damaged_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("state")).expect("made");
    std::fs::write(folder.path().join("state/state.db"), "no database, but long enough to be read as a header of one hundred bytes, which it is not at all").expect("written");
    let error = State::open(folder.path()).expect_err("refused");
    assert!(error.to_string().contains("move it away"), "{error}");
    let state = State::in_memory().expect("opens");
    state.put("cursors", "a", &"text").expect("written");
    let error = state.get::<u64>("cursors", "a").expect_err("no number");
    assert!(error.to_string().contains("cursors"), "{error}");
}

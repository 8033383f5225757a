//! A file that does not stay where it was opened.

use super::*;

/// The ledger's files in `dir`, and the one that locks it.
fn remove_all(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

async fn put_back(ledger: &Ledger) -> Option<wattsplit::ledger::store::PutBack> {
    ledger.flush().await;
    ledger.status().borrow().put_back.clone()
}

/// Everything that the file holds, once the ledger is closed.
async fn held(path: &Path) -> Vec<u64> {
    let ledger = open(path, &["main"], ROOMY);
    let numbers = numbers(&ask(&ledger.outbox("main"), usize::MAX).await);
    assert_eq!(ledger.close().outbox.gaps, []);
    numbers
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_open_is_written_back_whole() {
    for all in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        let mut ledger = open(&path, &["main"], ROOMY);
        append(&mut ledger, RecordClass::Ledger, 0..5);
        assert_eq!(put_back(&ledger).await, None, "it is where it was");
        if all {
            remove_all(dir.path())
        } else {
            std::fs::remove_file(&path).unwrap()
        }
        append(&mut ledger, RecordClass::Ledger, 5..7);
        let told = put_back(&ledger).await.unwrap();
        assert_eq!(told.replaced, None);
        append(&mut ledger, RecordClass::Ledger, 7..9);
        assert_eq!(put_back(&ledger).await.unwrap(), told, "once");
        assert!(try_open(&path, &["main"], ROOMY).is_err(), "and it is locked again");
        ledger.close();
        assert_eq!(held(&path).await, (0..9).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_that_is_exchanged_is_written_back_and_the_other_one_is_kept_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, backup) = (dir.path().join("ledger.sqlite"), dir.path().join("backup.sqlite"));
    let mut old = open(&backup, &["main"], ROOMY);
    append(&mut old, RecordClass::Ledger, 100..103);
    old.close();
    let mut ledger = open(&path, &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..5);
    ledger.flush().await;
    std::fs::rename(&backup, &path).unwrap();
    append(&mut ledger, RecordClass::Ledger, 5..6);
    let other = put_back(&ledger).await.unwrap().replaced.unwrap();
    ledger.close();
    assert_eq!(held(&path).await, (0..6).collect::<Vec<_>>());
    assert_eq!(held(&other).await, [100, 101, 102]);
}

#[tokio::test]
async fn without_its_directory_nothing_counts_as_written_until_it_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let path = state.join("ledger.sqlite");
    let mut ledger = open(&path, &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..3);
    ledger.flush().await;
    std::fs::remove_dir_all(&state).unwrap();
    ledger.flush().await;
    append(&mut ledger, RecordClass::Ledger, 3..4);
    ledger.flush().await;
    let status = ledger.status().borrow().clone();
    assert_eq!(
        (status.error.is_some(), status.put_back, status.outbox.classes.ledger.messages),
        (true, None, 3)
    );
    std::fs::create_dir(&state).unwrap();
    assert!(put_back(&ledger).await.is_some());
    assert_eq!(ledger.close().error, None);
    assert_eq!(held(&path).await, (0..4).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_in_whose_place_another_process_writes_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut first = open(&path, &["main"], ROOMY);
    append(&mut first, RecordClass::Ledger, 0..3);
    first.flush().await;
    remove_all(dir.path());
    let mut second = open(&path, &["main"], ROOMY);
    append(&mut second, RecordClass::Ledger, 10..12);
    second.flush().await;
    assert_eq!(put_back(&first).await, None);
    assert!(first.status().borrow().error.as_ref().unwrap().contains("another wattsplit writes it"));
    second.close();
    assert!(put_back(&first).await.unwrap().replaced.is_some(), "it has ended");
    first.close();
    assert_eq!(held(&path).await, [0, 1, 2]);
}

#[tokio::test]
async fn one_that_cannot_be_written_back_at_the_end_is_told_to_be_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut ledger = open(&path, &["main"], ROOMY);
    append(&mut ledger, RecordClass::Ledger, 0..5);
    ledger.flush().await;
    drop(dir);
    let status = ledger.close();
    assert!(status.gone && status.error.is_some(), "{status:?}");
}

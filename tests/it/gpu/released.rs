//! Letting go of the driver on request.

use std::time::Duration;

use wattsplit::clock;
use wattsplit::reading::{DriverState, Missing};
use wattsplit::sources::Source;

use super::fake::Machine;
use super::{host, read, read_at};

const ONE: &str = "count = 1\ngpu0.uuid = GPU-a\ngpu0.temp_c = 34\ngpu0.xids =";
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_driver_is_let_go_by_both_threads_until_the_time_is_over() {
    let machine = Machine::new(ONE);
    let (mut source, release) = machine.releasable("release");
    let start = clock::now();
    // The thread that counts errors comes with the second reading.
    for _ in 0..2 {
        read_at(&mut source, start).await.unwrap();
    }
    assert!(machine.is_held());

    let until = start.plus(MINUTE).wall;
    release.ask(until).unwrap();
    assert_eq!(release.answered(), None);
    let sample = host(source.fetch(start).await.expect("no failure: it was asked for"));
    assert_eq!((sample.driver, sample.gpus.unwrap_err()), (Some(DriverState::Released), Missing::Released));
    assert!(!machine.is_held(), "NVML is shut down");
    assert_eq!(release.answered(), Some(until));

    // Nobody took the request back, and it ends by itself.
    assert_eq!(read_at(&mut source, start.plus(MINUTE)).await.unwrap().len(), 1);
    assert!(machine.is_held());
    assert_eq!(release.answered(), None);
}

#[tokio::test]
async fn a_request_that_is_taken_back_ends_at_once() {
    let machine = Machine::new(ONE);
    let (mut source, release) = machine.releasable("resume");
    read(&mut source).await.unwrap();
    release.ask(clock::now().plus(MINUTE).wall).unwrap();
    assert_eq!(host(source.fetch(clock::now()).await.unwrap()).driver, Some(DriverState::Released));
    release.withdraw().unwrap();
    assert_eq!(read(&mut source).await.unwrap().len(), 1);
    assert_eq!(release.answered(), None);
}

#[tokio::test]
async fn who_never_held_the_driver_does_not_answer_for_who_does() {
    let machine = Machine::new(ONE);
    let (mut source, release) = machine.releasable("bystander");
    release.ask(clock::now().plus(MINUTE).wall).unwrap();
    assert_eq!(host(source.fetch(clock::now()).await.unwrap()).driver, Some(DriverState::Released));
    assert!(!machine.is_held());
    assert_eq!(release.answered(), None);
}

#[tokio::test]
async fn a_source_without_a_state_directory_has_nobody_to_obey() {
    let machine = Machine::new(ONE);
    let (_, release) = machine.releasable("deaf");
    release.ask(clock::now().plus(MINUTE).wall).unwrap();
    assert_eq!(read(&mut machine.source("deaf")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_release_can_be_made_longer_after_a_restart_of_who_let_go() {
    let machine = Machine::new(ONE);
    let (mut source, release) = machine.releasable("longer");
    let start = clock::now();
    read_at(&mut source, start).await.unwrap();
    let until = start.plus(MINUTE).wall;
    release.ask(until).unwrap();
    source.fetch(start).await.unwrap();
    assert_eq!(release.answered(), Some(until));

    let (mut next, _) = machine.releasable("longer");
    let longer = start.plus(MINUTE * 2).wall;
    release.ask(longer).unwrap();
    assert_eq!(host(next.fetch(start).await.unwrap()).driver, Some(DriverState::Released));
    assert_eq!(release.answered(), Some(longer));
    // An answer whose time is over says nothing of who holds the driver now.
    let later = start.plus(MINUTE * 3);
    let (mut last, _) = machine.releasable("longer");
    release.ask(start.plus(MINUTE * 4).wall).unwrap();
    last.fetch(later).await.unwrap();
    assert_eq!(release.answered(), Some(longer));
}

use std::path::Path;
use std::time::{Duration, SystemTime};

use wattsplit::clock::UnixMs;
use wattsplit::reading::{Missing, OccupancySample, Quality};
use wattsplit::sources::gpu::occupancy::{OccupancyConfig, OccupancySource};
use wattsplit::sources::{Failure, Source};

use super::occupancy_sample;

fn source(declared: Option<u32>, file: Option<&Path>) -> OccupancySource {
    let file = file.map(Path::to_path_buf);
    OccupancySource::new(&OccupancyConfig { hosting: "spot".into(), declared, file })
}

fn source_of_file(path: &Path) -> OccupancySource {
    source(None, Some(path))
}

async fn fetch(source: &mut OccupancySource) -> Result<OccupancySample, Failure> {
    source.fetch(wattsplit::clock::now()).await.map(occupancy_sample)
}

#[tokio::test]
async fn a_number_that_the_operator_declares_is_an_estimate() {
    let sample = fetch(&mut source(Some(6), None)).await.unwrap();
    assert_eq!(&*sample.hosting, "spot");
    let occupied = sample.occupied_gpus.unwrap();
    assert_eq!(
        (occupied.value, occupied.quality, occupied.source),
        (6, Quality::Estimated, "declared in config")
    );
    assert_eq!(sample.observed, None);
}

#[tokio::test]
async fn a_number_in_a_file_is_measured_as_of_the_files_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("occupied");
    std::fs::write(&path, "7\n").unwrap();
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();

    let mut source = source_of_file(&path);
    let sample = fetch(&mut source).await.unwrap();
    let occupied = sample.occupied_gpus.unwrap();
    assert_eq!((occupied.value, occupied.quality), (7, Quality::Measured));
    assert_eq!(sample.observed, Some(UnixMs::from_secs(1_700_000_000)));

    // It is read again each time, and nobody at all is an answer.
    std::fs::write(&path, "0").unwrap();
    assert_eq!(fetch(&mut source).await.unwrap().occupied_gpus.unwrap().value, 0);
}

#[tokio::test]
async fn a_file_without_a_number_is_missing_for_its_own_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("occupied");
    let mut source = source_of_file(&path);
    assert_eq!(fetch(&mut source).await.unwrap_err().reason, Missing::NotReported);
    std::fs::write(&path, "about seven").unwrap();
    let failure = fetch(&mut source).await.unwrap_err();
    assert_eq!(failure.reason, Missing::Garbage);
    assert!(failure.detail.contains("occupied"), "{}", failure.detail);
    std::fs::write(&path, "7".repeat(100)).unwrap();
    assert_eq!(fetch(&mut source).await.unwrap_err().reason, Missing::TooLarge);
    assert_eq!(
        fetch(&mut source_of_file(dir.path())).await.unwrap_err().reason,
        Missing::Garbage,
        "a directory"
    );
    assert_eq!(occupancy_sample(source.failed(Missing::Garbage)).occupied_gpus, Err(Missing::Garbage));
}

use std::path::Path;
use std::time::{Duration, SystemTime};

use wattsplit::clock::UnixMs;
use wattsplit::http::Http;
use wattsplit::reading::{Missing, OccupancySample, Quality};
use wattsplit::sources::gpu::occupancy::{OccupancyConfig, OccupancySource, OriginConfig};
use wattsplit::sources::{Failure, Source};

use super::occupancy_sample;
use crate::fake_http::{FakeHttp, Reply};

fn source(origin: OriginConfig) -> OccupancySource {
    let config = OccupancyConfig { hosting: "spot".into(), origin };
    OccupancySource::new(&config, Http::new().unwrap()).unwrap()
}

fn source_of_file(path: &Path) -> OccupancySource {
    source(OriginConfig::File(path.to_owned()))
}

async fn fetch(source: &mut OccupancySource) -> Result<OccupancySample, Failure> {
    source.fetch(wattsplit::clock::now()).await.map(occupancy_sample)
}

#[tokio::test]
async fn a_number_that_the_operator_declares_is_an_estimate() {
    let sample = fetch(&mut source(OriginConfig::Declared(6))).await.unwrap();
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

#[tokio::test]
async fn gpus_with_a_job_are_counted_once_by_their_files() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let write =
        |host: usize, name: &str, text: &str| std::fs::write(dirs[host].path().join(name), text).unwrap();
    write(0, "0", "4711\n");
    write(0, "1", "");
    write(0, "2.0", "4712\n");
    write(0, "2.1", "4713\n");
    write(0, "3.tmp", "4714\n");
    write(1, "0", " \n");
    write(1, "job", "4711\n4712\n");
    std::os::unix::fs::symlink(dirs[1].path().join("job"), dirs[1].path().join("7")).unwrap();
    // Of a job that has ended in this moment.
    std::os::unix::fs::symlink(dirs[1].path().join("ended"), dirs[1].path().join("8")).unwrap();
    let paths = dirs.iter().map(|dir| dir.path().to_owned()).collect();
    let mut jobs = source(OriginConfig::Slurm(paths));
    let sample = fetch(&mut jobs).await.unwrap();
    let occupied = sample.occupied_gpus.unwrap();
    assert_eq!((occupied.value, occupied.quality, occupied.source), (3, Quality::Measured, "slurm"));
    assert!(sample.observed.is_some(), "it grows stale");

    std::fs::remove_dir_all(dirs[1].path()).unwrap();
    let failure = fetch(&mut jobs).await.unwrap_err();
    assert_eq!(failure.reason, Missing::NotReported, "one host unknown is no smaller number");
}

#[tokio::test]
async fn a_page_tells_the_number_where_the_pointer_says() {
    let server =
        FakeHttp::always(Reply::Ok(r#"{"gpus":{"rented":"12","part":1.5,"none":null}}"#.into())).await;
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "hunter2\n").unwrap();
    let page = |pointer: &str| {
        let (url, pointer) = (server.url.clone(), pointer.to_owned());
        source(OriginConfig::Page { url, pointer, token_file: Some(token.clone()) })
    };
    let sample = fetch(&mut page("/gpus/rented")).await.unwrap();
    assert_eq!(sample.occupied_gpus.unwrap().value, 12);
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer hunter2"));
    assert_eq!(fetch(&mut page("/gpus/part")).await.unwrap_err().reason, Missing::Implausible);
    assert_eq!(fetch(&mut page("/gpus/none")).await.unwrap_err().reason, Missing::NotReported);
    assert_eq!(fetch(&mut page("/gpus")).await.unwrap_err().reason, Missing::Garbage);
}

const MACHINES: &str = r#"{"machines":[
    {"id":31,"hostname":"rig-31","num_gpus":4,"gpu_occupancy":"D D R x","current_rentals_running":3},
    {"id":32,"num_gpus":2,"gpu_occupancy":"I x"},
    {"id":33,"num_gpus":2,"gpu_occupancy":null}]}"#;

#[tokio::test]
async fn vast_tells_a_letter_for_each_gpu_of_the_machines_that_count() {
    let server = FakeHttp::always(Reply::Ok(MACHINES.into())).await;
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    std::fs::write(&key_file, "hunter2").unwrap();
    let vast = |machines: &[u64]| {
        let (base, machines) = (Some(server.url.clone()), machines.to_vec());
        source(OriginConfig::Vast { base, key_file: key_file.clone(), machines })
    };
    let sample = fetch(&mut vast(&[31, 32])).await.unwrap();
    assert_eq!(sample.occupied_gpus.unwrap().value, 4);
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /api/v0/machines/");
    assert_eq!(seen[0].header("authorization"), Some("Bearer hunter2"));
    // One that does not tell is no zero, and one that is not there is a slip in the config.
    for (machines, named) in [(&[][..], "machine 33"), (&[31, 34], "machine 34")] {
        let failure = fetch(&mut vast(machines)).await.unwrap_err();
        assert_eq!(failure.reason, Missing::NotReported);
        assert!(failure.detail.contains(named), "{}", failure.detail);
    }
}

//! The picture of a replay.

use std::path::Path;

use tempfile::TempDir;

use super::program::{path, recorded, stderr, stdout};
use super::series;

fn drawn(file: &Path) -> Vec<u8> {
    let mut command = recorded(&["--fleet", "29.5:3000,17.5:4000", "--plot", path(file)]);
    command.args(["--hosting", "8:1.05", "--gpu", "H100", "--gpu-prices"]).arg(series("gpu.csv"));
    stdout(&command.output().unwrap());
    std::fs::read(file).unwrap()
}

#[test]
fn an_svg_names_panels_units_days_and_every_line() {
    let dir = TempDir::new().unwrap();
    let svg = String::from_utf8(drawn(&dir.path().join("a.svg"))).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    let text: Vec<&str> = svg.lines().map(str::trim).filter(|line| !line.starts_with('<')).collect();
    for wanted in [
        "Margin above always-on, added up",
        "Price of power, and the break-even of what runs on it",
        "USD",
        "USD/MWh",
        "UTC, 2025-10-20 to 2025-11-11",
        "28 Oct",
        "perfect foresight",
        "wattsplit",
        "wattsplit, one hour late",
        "power, as paid",
        "29.5 J/TH",
        "17.5 J/TH",
        "hosting: off the scale, 2,665",
    ] {
        assert!(text.contains(&wanted), "{wanted} is not in {text:?}");
    }
    assert!(svg.len() < 200_000, "thinned out: {}", svg.len());
}

#[test]
fn a_png_is_a_picture_and_the_same_each_time() {
    let dir = TempDir::new().unwrap();
    let bytes = drawn(&dir.path().join("a.png"));
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (1500, 1000));
    let red = pixels.chunks(3).filter(|pixel| *pixel == [213, 94, 0]).count();
    assert!(red > 2_000, "the line of the advice: {red}");
    assert_eq!(bytes, drawn(&dir.path().join("b.png")));
}

#[test]
fn a_picture_that_cannot_be_drawn_is_an_error_that_says_why() {
    let dir = TempDir::new().unwrap();
    let wrong = recorded(&["--fleet", "20", "--plot", "x.gif"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("expected a file that ends in .svg or .png"), "{}", stderr(&wrong));
    for extension in ["svg", "png"] {
        let full = dir.path().join(format!("full.{extension}"));
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let folder = dir.path().join(format!("folder.{extension}"));
        std::fs::create_dir(&folder).unwrap();
        for (target, expected) in [(full, "failed to write"), (folder, "failed to create")] {
            let output = recorded(&["--fleet", "20", "--plot", path(&target)]).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let named = format!("error: {expected} {}: ", path(&target));
            assert!(stderr(&output).starts_with(&named), "{}", stderr(&output));
        }
    }
}

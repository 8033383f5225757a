//! The replay as a picture: what each policy gained, and the price of power against the break-evens.

mod draw;
mod scene;
mod time;

use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;

use crate::backtest::{Fleet, History, Run};

/// Pixels.
const SIZE: (u32, u32) = (1500, 1000);

/// By the extension of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

/// A file and the form of its picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub path: std::path::PathBuf,
    format: Format,
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = Path::new(text);
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase);
        let format = match extension.as_deref() {
            Some("svg") => Format::Svg,
            Some("png") => Format::Png,
            _ => return Err("expected a file that ends in .svg or .png"),
        };
        Ok(Self { path: path.to_owned(), format })
    }
}

impl Target {
    /// Draws the replay; `runs` begin with always-on.
    ///
    /// # Errors
    /// Of `out`, and of the drawing.
    pub fn draw(
        &self,
        out: &mut dyn Write,
        history: &History,
        fleet: &Fleet,
        runs: &[Run],
    ) -> anyhow::Result<()> {
        let scene = scene::of(history, fleet, runs).context("nothing to draw")?;
        draw::register_font()?;
        match self.format {
            Format::Svg => out.write_all(draw::svg(&scene, SIZE)?.as_bytes())?,
            Format::Png => encode(out, &draw::pixels(&scene, SIZE)?)?,
        }
        Ok(())
    }
}

/// Eight bits for red, green and blue of each pixel.
fn encode(out: &mut dyn Write, pixels: &[u8]) -> anyhow::Result<()> {
    let mut encoder = png::Encoder::new(out, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_what_is_drawn() {
        assert_eq!("a.b/x.SVG".parse::<Target>().unwrap().format, Format::Svg);
        assert_eq!("x.png".parse::<Target>().unwrap().format, Format::Png);
        for wrong in ["x", "x.jpg", "svg", ".png", "x.svg.gz"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}

//! The scene on a canvas. Lines and their names are drawn here; what they mean is in the scene.

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;
use plotters::style::register_font as register;

use super::scene::{Line, Panel, Scene};
use crate::cli::table::cells::number;

const FONT: &str = "sans-serif";
static FONT_FILE: &[u8] = include_bytes!("../../../../assets/DejaVuSans.ttf");

/// Pixels on the right of each panel for the names of its lines.
const NAMES: u32 = 270;
const NAME_HEIGHT: i32 = 22;

type Canvas<DB> = DrawingArea<DB, Shift>;
type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// Makes the built-in font known. Every other font would be the system's, or none.
///
/// # Errors
/// Never with the font that is built in.
pub fn register_font() -> anyhow::Result<()> {
    register(FONT, FontStyle::Normal, FONT_FILE).map_err(|_| anyhow!("the built-in font cannot be read"))
}

/// # Errors
/// Of the drawing.
pub fn svg(scene: &Scene, size: (u32, u32)) -> anyhow::Result<String> {
    let mut text = String::new();
    let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw(&canvas, scene).map_err(|error| anyhow!("failed to draw: {error}"))?;
    drop(canvas);
    Ok(text)
}

/// Red, green and blue of each pixel.
///
/// # Errors
/// Of the drawing.
pub fn pixels(scene: &Scene, size: (u32, u32)) -> anyhow::Result<Vec<u8>> {
    let bytes = usize::try_from(u64::from(size.0) * u64::from(size.1) * 3)?;
    let mut buffer = vec![0; bytes];
    let canvas = BitMapBackend::with_buffer(&mut buffer, size).into_drawing_area();
    draw(&canvas, scene).map_err(|error| anyhow!("failed to draw: {error}"))?;
    drop(canvas);
    Ok(buffer)
}

fn draw<DB: DrawingBackend>(canvas: &Canvas<DB>, scene: &Scene) -> Drawn<DB> {
    canvas.fill(&WHITE)?;
    let (upper, lower) = canvas.split_vertically(canvas.dim_in_pixel().1 / 2);
    panel(&upper, scene, &scene.gain)?;
    panel(&lower, scene, &scene.price)?;
    canvas.present()
}

fn panel<DB: DrawingBackend>(canvas: &Canvas<DB>, scene: &Scene, panel: &Panel) -> Drawn<DB> {
    let width = canvas.dim_in_pixel().0.saturating_sub(NAMES);
    let (plot, names) = canvas.split_horizontally(width);
    let at: Vec<i64> = scene.marks.iter().map(|(at, _)| *at).collect();
    let mut chart = ChartBuilder::on(&plot)
        .caption(&panel.title, (FONT, 20))
        .margin(12)
        .x_label_area_size(50)
        .y_label_area_size(100)
        .build_cartesian_2d((scene.from..scene.to).with_key_points(at), panel.low..panel.high)?;
    let mark = |at: &i64| {
        let mark = scene.marks.iter().find(|(mark, _)| mark == at);
        mark.map_or_else(String::new, |(_, text)| text.clone())
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .x_desc(&scene.period)
        .y_desc(panel.unit)
        .x_label_formatter(&mark)
        .y_label_formatter(&|value| number(*value, 0))
        .draw()?;
    let (low, high) = (panel.low, panel.high);
    for line in &panel.lines {
        for part in &line.parts {
            // Nothing is drawn over the edge of the panel.
            let points = part.iter().map(|(at, value)| (*at, value.clamp(low, high)));
            if line.dashed {
                let points: Vec<(i64, f64)> = points.collect();
                chart.draw_series(DashedLineSeries::new(points, 8, 5, style(line)))?;
            } else {
                chart.draw_series(LineSeries::new(points, style(line)))?;
            }
        }
    }
    list(&names, &panel.lines)
}

/// The names of the lines beside the panel, where they cover nothing.
fn list<DB: DrawingBackend>(canvas: &Canvas<DB>, lines: &[Line]) -> Drawn<DB> {
    const TOP: i32 = 48;
    let room = usize::try_from((canvas.dim_in_pixel().1 as i32 - TOP) / NAME_HEIGHT).unwrap_or(0);
    let shown = if lines.len() > room { room.saturating_sub(1) } else { lines.len() };
    let mut y = TOP;
    let text = |name: String, y| Text::new(name, (46, y - 8), (FONT, 15).into_font());
    for line in lines.iter().take(shown) {
        let dash = if line.dashed { vec![(4, 16), (24, 36)] } else { vec![(4, 36)] };
        for (from, to) in dash {
            canvas.draw(&PathElement::new(vec![(from, y), (to, y)], style(line)))?;
        }
        canvas.draw(&text(line.name.clone(), y))?;
        y += NAME_HEIGHT;
    }
    if shown < lines.len() {
        canvas.draw(&text(format!("and {} more", lines.len() - shown), y))?;
    }
    Ok(())
}

fn style(line: &Line) -> ShapeStyle {
    let (red, green, blue) = line.colour;
    RGBColor(red, green, blue).stroke_width(line.width)
}

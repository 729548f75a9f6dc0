//! The charts, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, Circle, DrawingArea, EmptyElement, IntoDrawingArea as _, IntoLogRange as _, LineSeries,
        PathElement, RGBColor, Rectangle, SVGBackend, SeriesLabelPosition, Text, WHITE,
    },
    style::{BLACK, Color as _, IntoFont as _, ShapeStyle},
};

/// One server's share of the bare route's throughput.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) share: f64,
    /// Whether it is Guardrail's own.
    pub(crate) own: bool,
}

/// One engine's time for a decision, by the number of rules.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// Rules, and nanoseconds.
    pub(crate) points: Vec<(f64, f64)>,
}

const OWN: RGBColor = RGBColor(0x1b, 0x6e, 0x53);
const OTHER: RGBColor = RGBColor(0x8a, 0x93, 0x9b);
const COLOURS: [RGBColor; 5] =
    [OWN, RGBColor(0x5a, 0xb0, 0x8f), RGBColor(0xb5, 0x4b, 0x2a), RGBColor(0xe0, 0x9f, 0x3e), OTHER];
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn area(file: &Path, size: (u32, u32)) -> Result<Area<'_>> {
    let area = SVGBackend::new(file, size).into_drawing_area();
    // A ground of its own: it is read on dark pages as well.
    area.fill(&WHITE).map_err(failed)?;
    Ok(area)
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// Bars from the left, with their figures.
pub(crate) fn throughput(file: &Path, bars: &[&Bar]) -> Result<()> {
    const LEFT: i32 = 250;
    const WIDTH: f64 = 400.0;
    const STEP: i32 = 36;
    let height = 70 + STEP * i32::try_from(bars.len())?;
    let area = area(file, (760, u32::try_from(height)?))?;
    let title = (FONT, 17).into_font().color(&BLACK);
    let label = (FONT, 14).into_font().color(&BLACK);
    area.draw(&Text::new("Requests per second, as a share of the bare route's", (16, 16), title))
        .map_err(failed)?;
    for (index, bar) in (0..).zip(bars) {
        let top = 54 + STEP * index;
        #[allow(clippy::cast_possible_truncation)]
        let right = LEFT + (bar.share * WIDTH) as i32;
        let colour = if bar.own { OWN } else { OTHER };
        area.draw(&Rectangle::new([(LEFT, top), (right, top + STEP - 12)], colour.filled()))
            .map_err(failed)?;
        area.draw(&Text::new(bar.name.clone(), (16, top + 5), label.clone())).map_err(failed)?;
        let share = format!("{:.2}", bar.share);
        area.draw(&Text::new(share, (right + 8, top + 5), label.clone())).map_err(failed)?;
    }
    area.present().map_err(failed)
}

/// Both axes logarithmic.
pub(crate) fn decisions(file: &Path, lines: &[&Line]) -> Result<()> {
    let area = area(file, (760, 460))?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let most_rules = points().map(|point| point.0).fold(10.0, f64::max);
    let longest = points().map(|point| point.1).fold(1e3, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption("Time for one decision", (FONT, 17))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(70)
        .build_cartesian_2d((10.0..most_rules * 1.1).log_scale(), (100.0..longest * 2.0).log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("rules")
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .label_style((FONT, 13))
        .x_label_formatter(&|rules| super::count(*rules))
        .y_label_formatter(&|nanoseconds| super::duration(nanoseconds_of(*nanoseconds)))
        .draw()
        .map_err(failed)?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = ShapeStyle::from(colour).stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .map_err(failed)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart
            .draw_series(
                line.points
                    .iter()
                    .map(|point| EmptyElement::at(*point) + Circle::new((0, 0), 3, colour.filled())),
            )
            .map_err(failed)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(GRID)
        .label_font((FONT, 13))
        .draw()
        .map_err(failed)?;
    area.present().map_err(failed)
}

fn nanoseconds_of(number: f64) -> std::time::Duration {
    std::time::Duration::from_secs_f64(number / 1e9)
}
